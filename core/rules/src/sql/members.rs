//! The members of a result, from the names and aliases of its items.
use crate::json::write_quoted;
use crate::program::{Content, Member};

/// Puts an item into the result at `path`. A later item of the same name takes the place of an earlier one.
pub(super) fn insert(tree: &mut Vec<Member>, path: &[&str], item: usize) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let at = tree.iter().position(|member| *member.key == **name).unwrap_or_else(|| {
        let mut quoted_key = Vec::new();
        write_quoted(name, &mut quoted_key);
        quoted_key.push(b':');
        let content = if rest.is_empty() { Content::Item(item) } else { Content::Nested(Vec::new()) };
        tree.push(Member { key: (*name).into(), quoted_key: quoted_key.into(), content, field: None });
        tree.len() - 1
    });
    match (&mut tree[at].content, rest.is_empty()) {
        (Content::Item(found), true) => {
            *found = item;
            Ok(())
        }
        (Content::Nested(members), false) => insert(members, rest, item),
        _ => Err(format!("`{name}` is both a value and an object that members are put into")),
    }
}
