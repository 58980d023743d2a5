//! Reads from our own pages what a test needs: forms, links and words. No general parser: the templates write
//! attributes in double quotes and close what they open.

/// A form as a page shows it, with what its fields hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// `get` or `post`.
    pub method: String,
    /// Where it goes.
    pub action: String,
    /// Fields and what they hold; buttons are not among them.
    pub fields: Vec<(String, String)>,
    /// Buttons that may be pressed: name and value.
    pub buttons: Vec<(String, String)>,
}

impl Form {
    /// With another value for a field, or a field more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// With one value more, beside those that are there (checkboxes).
    #[must_use]
    pub fn and(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Without a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self
    }

    /// What a field holds; empty where there is none.
    pub fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

#[derive(Debug)]
struct Tag<'h> {
    name: String,
    attributes: Vec<(String, String)>,
    /// Text up to the next tag.
    text: &'h str,
}

impl Tag<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut out = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let mut quoted = false;
        let Some(end) = rest.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        }) else {
            break;
        };
        let (inside, after) = (&rest[..end], &rest[end + 1..]);
        let text = &after[..after.find('<').unwrap_or(after.len())];
        out.push(tag(inside, text));
        rest = after;
    }
    out
}

fn tag<'h>(inside: &str, text: &'h str) -> Tag<'h> {
    let inside = inside.trim_end_matches('/');
    let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        let name = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let end = quoted.find('"').unwrap_or(quoted.len());
            value = unescape(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or_default();
        } else if let Some(bare) = rest.strip_prefix('=') {
            let end = bare.find(char::is_whitespace).unwrap_or(bare.len());
            value = unescape(&bare[..end]);
            rest = &bare[end..];
        }
        attributes.push((name, value));
    }
    Tag { name: name.to_ascii_lowercase(), attributes, text }
}

/// Every form of a page.
pub fn forms(html: &str) -> Vec<Form> {
    let mut out: Vec<Form> = Vec::new();
    let (mut open, mut select) = (false, None::<(String, Vec<(String, bool)>)>);
    for tag in tags(html) {
        if tag.name == "form" {
            open = true;
            out.push(Form {
                method: tag.get("method").unwrap_or("get").to_ascii_lowercase(),
                action: tag.get("action").unwrap_or_default().to_owned(),
                fields: Vec::new(),
                buttons: Vec::new(),
            });
            continue;
        }
        if tag.name == "/form" {
            open = false;
        }
        let Some(form) = out.last_mut().filter(|_| open) else { continue };
        let name = tag.get("name").unwrap_or_default().to_owned();
        let value = tag.get("value").unwrap_or_default().to_owned();
        match tag.name.as_str() {
            _ if tag.has("disabled") => {}
            "input" if matches!(tag.get("type"), Some("checkbox" | "radio")) && !tag.has("checked") => {}
            "input" if !name.is_empty() => form.fields.push((name, value)),
            "textarea" if !name.is_empty() => form.fields.push((name, unescape(tag.text))),
            "button" if !name.is_empty() => form.buttons.push((name, value)),
            "select" => select = Some((name, Vec::new())),
            "option" => {
                if let Some((_, options)) = &mut select {
                    options.push((value, tag.has("selected")));
                }
            }
            "/select" => {
                if let Some((name, options)) = select.take() {
                    let chosen = options.iter().find(|(_, s)| *s).or(options.first());
                    form.fields.extend(chosen.map(|(v, _)| (name, v.clone())));
                }
            }
            _ => {}
        }
    }
    out
}

/// Local paths that a page links to, each once.
pub fn links(html: &str) -> Vec<String> {
    let mut out = Vec::new();
    for tag in tags(html) {
        let Some(href) = tag.get("href").filter(|_| tag.name == "a") else { continue };
        let href = href.split('#').next().unwrap_or_default().to_owned();
        if href.starts_with('/') && !out.contains(&href) {
            out.push(href);
        }
    }
    out
}

/// Every attribute of every tag, by tag name: to look for what must not be there.
pub fn attributes(html: &str) -> Vec<(String, String, String)> {
    tags(html)
        .into_iter()
        .flat_map(|t| t.attributes.into_iter().map(move |(n, v)| (t.name.clone(), n, v)))
        .collect()
}

/// The words of a page, as they are read: without tags, one space between words.
pub fn words(html: &str) -> String {
    let main = html.split_once("<body").map_or(html, |(_, body)| body);
    let mut out = String::new();
    for tag in tags(main) {
        if !matches!(tag.name.as_str(), "script" | "style") {
            out.push(' ');
            out.push_str(tag.text);
        }
    }
    unescape(&out).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text as it was before it was escaped.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"')];
        let numeric = rest.strip_prefix("&#").and_then(|r| r.split_once(';')).and_then(|(n, after)| {
            let code =
                n.strip_prefix('x').map_or_else(|| n.parse().ok(), |h| u32::from_str_radix(h, 16).ok());
            Some((char::from_u32(code?)?, after))
        });
        if let Some((name, c)) = known.iter().find(|(name, _)| rest.starts_with(name)) {
            out.push(*c);
            rest = &rest[name.len()..];
        } else if let Some((c, after)) = numeric {
            out.push(c);
            rest = after;
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_as_a_browser_sends_it() {
        let html = r#"<form method="post" action="/r/R-1"><input type="hidden" name="csrf" value="a&#38;b">
            <button disabled hidden></button><select name="shorten_to" id="x"><option value="">as asked</option><option value="60" selected>1 min</option></select>
            <input type="radio" name="for" value="1"><input type="radio" name="for" value="2" checked>
            <textarea name="comment" rows=2>1 &lt; 2</textarea><button name="decision" value="approve">Approve</button></form><a href="/x#y">x</a>"#;
        let form = forms(html).remove(0);
        assert_eq!((form.method.as_str(), form.action.as_str()), ("post", "/r/R-1"));
        let fields: Vec<(&str, &str)> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(fields, [("csrf", "a&b"), ("shorten_to", "60"), ("for", "2"), ("comment", "1 < 2")]);
        assert_eq!(form.buttons, [("decision".to_owned(), "approve".to_owned())]);
        assert_eq!(links(html), ["/x"]);
        assert!(words(html).ends_with("Approve x"), "{}", words(html));
    }
}
