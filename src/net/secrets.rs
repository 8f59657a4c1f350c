//! What the server is told from files, read for each attempt.

use tokio::time::timeout;

use super::{AttemptError, Memory, Stage, Trail};
use crate::config::{Client, FileSecrets};

/// Reads the files, which may lie on a slow disk, within `connection_timeout`.
pub(super) async fn read(client: &Client, memory: &Memory, trail: &Trail) -> Result<FileSecrets, AttemptError> {
    if client.secret_files.is_empty() {
        return Ok(FileSecrets::default());
    }
    let mark = trail.enter(Stage::Secrets, None);
    let reading = {
        let client = client.clone();
        memory.resources.blocking.run(move || client.read_secrets())
    };
    let fail = |cause: String| AttemptError::new(Stage::Secrets, cause);
    let secrets = timeout(client.connection_timeout, reading)
        .await
        .map_err(|_| trail.timed_out(client.connection_timeout, &memory.rotation))?
        .map_err(|error| fail(format!("the files with secrets were not read: {error}")))?
        .map_err(|(parameter, message)| fail(format!("{parameter}: {message}")))?;
    trail.passed(mark, || "read from files".into());
    Ok(secrets)
}
