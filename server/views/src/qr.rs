//! A QR code as an inline SVG element: no style, no script, one path.

use qrcode::{Color, EcLevel, QrCode};

use crate::markup::Html;

/// Draws `text`; `label` is what assistive technology reads. `None` if the text is too long for a code.
pub(crate) fn svg(text: &str, label: &str) -> Option<Html> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let width = code.width();
    const QUIET: usize = 4;
    let side = i64::try_from(width + 2 * QUIET).ok()?;
    let mut path = String::new();
    for (i, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        path.push_str(&format!("M{} {}h1v1h-1z", i % width + QUIET, i / width + QUIET));
    }
    Some(
        Html::new()
            .raw("<svg class=\"qr\" role=\"img\" aria-label=\"")
            .text(label)
            .raw("\" viewBox=\"0 0 ")
            .number(side)
            .raw(" ")
            .number(side)
            .raw("\"><path d=\"")
            .raw(&path)
            .raw("\"/></svg>"),
    )
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn it_carries_no_style_and_escapes_its_label() {
        let html = svg("otpauth://totp/Hallpass:a@b?secret=ABC", "a \"code\"").unwrap().to_string();
        assert!(html.starts_with("<svg class=\"qr\""));
        assert!(html.contains("a &quot;code&quot;"));
        assert!(!html.contains("style"));
    }
}
