//! One file of a repository, such as a workflow file.
//!
//! Not here: reading what is in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response, StatusCode};
use serde::Deserialize;

use crate::api::{Api, Authorization, Target};
use crate::error::Error;
use crate::names::{FilePath, GitRef, Repository};
use crate::reply;

const GET: &str = "get repository content";

/// A file as it was at one reference.
///
/// <https://docs.github.com/en/rest/repos/contents#get-repository-content>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path.
    pub path: String,
    /// The id of its content; the same content has the same id.
    pub sha: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Api {
    /// Asks for one file at a reference; costs 1 point. Permission: `contents: read`.
    ///
    /// <https://docs.github.com/en/rest/repos/contents#get-repository-content>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, FilePath, GitRef, Repository};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let path = FilePath::new(".github/workflows/ci.yml")?;
    /// let request = api.get_file(&token, &Repository::parse("octo-org/app")?, &path, &GitRef::new("feature/a")?);
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/contents/.github/workflows/ci.yml");
    /// assert_eq!(request.uri().query(), Some("ref=feature%2Fa"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_file(
        &self,
        authorization: &Authorization,
        repository: &Repository,
        path: &FilePath,
        reference: &GitRef,
    ) -> Request<Vec<u8>> {
        let target = Target::repository(repository).path("/contents");
        let target = path.parts().fold(target, Target::segment);
        self.get(authorization, target.parameter("ref", reference.as_str()))
    }
}

/// Reads one file.
///
/// # Errors
/// [`Error::NotFound`] if there is no such file at the reference; [`Error::Malformed`] also if the path is a folder, a link or a submodule,
/// or if the file has more than 1 MB, whose content GitHub leaves out.
pub fn parse(response: &Response<Vec<u8>>) -> Result<File, Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Body {
        File { path: String, sha: String, content: String, encoding: String },
        Other(serde::de::IgnoredAny),
    }
    let malformed = |detail: &str| Error::Malformed { operation: GET, detail: detail.to_owned() };
    match reply::json(GET, response, StatusCode::OK)? {
        Body::File { path, sha, content, encoding } if encoding == "base64" => {
            let content: Vec<u8> = content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let bytes = STANDARD.decode(content).map_err(|_| malformed("content is not base64"))?;
            Ok(File { path, sha, bytes })
        }
        Body::File { .. } => Err(malformed("content is not given as base64, the file is too large")),
        Body::Other(_) => Err(malformed("not a file")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: serde_json::Value) -> Result<File, Error> {
        parse(&Response::builder().body(body.to_string().into_bytes()).unwrap())
    }

    #[test]
    fn base64_with_line_breaks_is_decoded() {
        let file = serde_json::json!({
            "type": "file", "path": "a.yml", "sha": "3d21", "encoding": "base64", "content": "b246\nIHB1\nc2g=\n", "size": 8,
        });
        assert_eq!(read(file).unwrap().bytes, b"on: push");
    }

    #[test]
    fn what_is_no_file_or_comes_without_content_is_malformed() {
        let large = serde_json::json!({"path": "a", "sha": "b", "content": "", "encoding": "none"});
        let noise = serde_json::json!({"path": "a", "sha": "b", "content": "*", "encoding": "base64"});
        for wrong in
            [large, noise, serde_json::json!([]), serde_json::json!({"type": "symlink", "target": "x"})]
        {
            assert!(matches!(read(wrong), Err(Error::Malformed { .. })));
        }
    }

    proptest! {
        #[test]
        fn any_file_path_and_reference_make_a_request(path in "(\\PC{1,400}/){0,4}\\PC{1,400}", reference in "\\PC{1,900}") {
            let api = Api::new("https://api.github.com", "x").unwrap();
            let token = Authorization::bearer(&"t".into()).unwrap();
            let repository = Repository::parse("o/r").unwrap();
            if let (Ok(path), Ok(reference)) = (FilePath::new(&path), GitRef::new(&reference)) {
                let request = api.get_file(&token, &repository, &path, &reference);
                let prefix = "/repos/o/r/contents/";
                let sent = request.uri().path().strip_prefix(prefix).unwrap();
                let decoded = percent_encoding::percent_decode_str(sent).decode_utf8().unwrap();
                prop_assert_eq!(decoded, path.as_str());
            }
        }
    }
}
