//! The few words of XML that multipart uploads and listings speak.
use std::borrow::Cow;

use quick_xml::escape::{escape, unescape};

/// The text of the first `<name>`.
pub(crate) fn element(xml: &[u8], name: &str) -> Option<String> {
    elements(xml, name)?.next()?.map(|text| text.trim().to_owned())
}

/// The text of every `<name>`, in their order; `None` for one that cannot be read, and instead of them all if it is no text.
pub(crate) fn elements<'a>(xml: &'a [u8], name: &str) -> Option<impl Iterator<Item = Option<String>> + use<'a>> {
    let mut rest = std::str::from_utf8(xml).ok()?;
    let (opens, closes) = (format!("<{name}>"), format!("</{name}>"));
    Some(std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&opens)?;
        let (text, behind) = after.split_once(&closes)?;
        rest = behind;
        Some(unescape(text).map(Cow::into_owned).ok())
    }))
}

/// Whether the document is S3's error document.
pub(crate) fn is_error(xml: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&xml[..xml.len().min(512)]);
    let root = text.trim_start();
    let root = match root.strip_prefix("<?xml") {
        Some(declared) => declared.split_once("?>").map_or("", |(_, rest)| rest.trim_start()),
        None => root,
    };
    root.starts_with("<Error>")
}

/// `CompleteMultipartUpload` over the parts' ETags, in their order.
pub(crate) fn complete(etags: &[String]) -> String {
    let parts = etags.iter().zip(1..).map(|(etag, number)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", escape(etag.as_str()))
    });
    format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let begun = b"<?xml version=\"1.0\"?>\n<InitiateMultipartUploadResult><UploadId>a&amp;b</UploadId></InitiateMultipartUploadResult>";
        assert_eq!(element(begun, "UploadId").as_deref(), Some("a&b"));
        assert_eq!(element(b"<A/>", "UploadId"), None);
        let listed =
            elements(b"<C><Key>a&amp;b</Key></C><C><Key> c </Key></C><C><Key>&no;</Key></C><Key>", "Key").unwrap();
        assert_eq!(listed.collect::<Vec<_>>(), [Some("a&b".to_owned()), Some(" c ".to_owned()), None]);
        assert!(elements(b"<Key>\xff</Key>", "Key").is_none());
        assert_eq!(
            complete(&["\"1\"".into(), "\"2\"".into()]),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;1&quot;</ETag></Part>\
             <Part><PartNumber>2</PartNumber><ETag>&quot;2&quot;</ETag></Part></CompleteMultipartUpload>"
        );
        assert!(is_error(
            b"  \n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<Error><Code>InternalError</Code></Error>"
        ));
        assert!(is_error(b"<Error><Code>InternalError</Code></Error>"));
        assert!(!is_error(b"<CompleteMultipartUploadResult><Key>Error</Key></CompleteMultipartUploadResult>"));
        assert!(!is_error(b""));
    }
}
