//! Markup that is made in code: already escaped, so that templates print it as it stands.

use std::fmt::{self, Display, Write};

/// A piece of HTML whose text parts are escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Starts empty.
    pub(crate) fn new() -> Self {
        Self(String::new())
    }

    /// Adds markup that this crate wrote itself.
    pub(crate) fn raw(mut self, markup: &str) -> Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, escaped for element content and for quoted attributes.
    pub(crate) fn text(mut self, text: &str) -> Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Adds the text of a value that needs no escaping, such as a number.
    pub(crate) fn number(mut self, value: impl Into<i64>) -> Self {
        // Writing into a String cannot fail.
        let _ = write!(self.0, "{}", value.into());
        self
    }
}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells the templates not to escape it once more.
impl askama::filters::HtmlSafe for Html {}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn text_is_escaped_and_markup_is_not() {
        let html = Html::new().raw("<b title=\"").text("\"'<&>").raw("\">");
        assert_eq!(html.to_string(), "<b title=\"&quot;&#39;&lt;&amp;&gt;\">");
    }
}
