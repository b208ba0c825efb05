//! Workflow files, as they were at a run's commit. What one says of a matrix is admission's.

use jit_domain::ids::{InstallationId, RepositoryName, RunId};
use jit_github::workflow_file::WorkflowFile;
use jit_github::{FilePath, GitRef, Repository};
use serde_json::json;

use super::{GitHub, GitHubError, Need, unusable};
use crate::effects::Effects;

impl<E: Effects> GitHub<'_, '_, E> {
    /// The workflow file of a run, as it was at the run's commit. None where the App may not read it, or it cannot be read.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn workflow_file(
        &self,
        installation: InstallationId,
        repository: &RepositoryName,
        run: RunId,
    ) -> Result<Option<WorkflowFile>, GitHubError> {
        let name = Repository::parse(repository.as_str()).map_err(unusable)?;
        let auth = self.authorize(installation, Need::WorkflowFiles).await?;
        let run = self.get_run(&auth, &name, run).await?;
        // A workflow that an organisation requires of its repositories stands in another one, and its path says so.
        let Ok(path) = FilePath::new(run.workflow_file()) else { return Ok(None) };
        let at = GitRef::new(&run.head_sha).map_err(unusable)?;
        let reply = self.send("get contents", self.api.get_file(&auth, &name, &path, &at)).await?;
        let file = self.read(jit_github::contents::parse(&reply)).await?;
        match WorkflowFile::parse(&file.bytes) {
            Ok(file) => Ok(Some(file)),
            Err(fault) => {
                let fields = json!({ "repository": repository.as_str(), "path": file.path, "fault": fault.to_string() });
                self.shell.info("a workflow file cannot be read", fields);
                Ok(None)
            }
        }
    }
}
