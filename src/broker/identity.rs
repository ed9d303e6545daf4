//! What a first start writes and every later one reads: who this broker is, and which format its directory has.
//!
//! Two small files that never change. One that is missing or damaged is said to be, and written anew.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::data_dir::DataDirError;
use crate::base::{BrokerId, Uuid};
use crate::log::{Disk, whole_file};

/// The format this program reads and writes.
pub(super) const FORMAT: u32 = 1;

/// Who this broker is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    pub cluster_id: String,
    pub broker_id: BrokerId,
}

/// Names and contents of files that are to be written.
pub(super) type Unwritten = Vec<(&'static str, Vec<u8>)>;

impl Identity {
    pub fn parse(json: &[u8]) -> Option<Identity> {
        serde_json::from_slice(json).ok()
    }

    /// The one that the directory has, or a new one.
    pub fn read(
        disk: &dyn Disk,
        own: &Path,
        broker_id: BrokerId,
        cluster_id: Option<&str>,
        unwritten: &mut Unwritten,
    ) -> io::Result<Identity> {
        let path = own.join("identity");
        match whole_file::read_as(disk, &path, |sealed| Identity::parse(whole_file::unseal(sealed)?)) {
            Ok(Some(known)) => return Ok(known),
            Ok(None) => ::log::warn!("{} is damaged and is written anew; the cluster id changes", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if disk.facts(&own.join("commands")).is_ok() {
                    ::log::warn!("{} is missing and is written anew; the cluster id changes", path.display());
                }
            }
            Err(error) => return Err(error),
        }
        let cluster_id = cluster_id.map_or_else(|| Uuid::random().to_string(), ToOwned::to_owned);
        let identity = Identity { cluster_id, broker_id };
        let mut json = serde_json::to_vec(&identity).expect("two plain fields always become JSON");
        json.push(b'\n');
        unwritten.push(("identity", whole_file::seal(json)));
        Ok(identity)
    }
}

/// Refuses a directory of a newer program.
pub(super) fn check_format(
    disk: &dyn Disk,
    data: &Path,
    own: &Path,
    unwritten: &mut Unwritten,
) -> Result<(), DataDirError> {
    let file = own.join("format");
    let failed = |source| DataDirError::Io { path: data.display().to_string(), source };
    // One that is not ours is read twice, like everything that is concluded from.
    match whole_file::read_as(disk, &file, |text| parse_format(text).filter(|found| *found <= FORMAT)) {
        Ok(Some(_)) => return Ok(()),
        Ok(None) => match parse_format(&whole_file::read(disk, &file).map_err(failed)?) {
            Some(found) if found > FORMAT => {
                return Err(DataDirError::Newer { path: data.display().to_string(), found });
            }
            Some(_) => return Ok(()),
            // Half of a number must not keep a broker from what it wrote itself.
            None => ::log::warn!("{} is damaged and is written anew", file.display()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if disk.facts(&own.join("identity")).is_ok() {
                ::log::warn!("{} is missing and is written anew", file.display());
            }
        }
        Err(error) => return Err(failed(error)),
    }
    unwritten.push(("format", whole_file::seal(format!("{FORMAT}\n").into_bytes())));
    Ok(())
}

/// The version of the format that such a file names.
pub(super) fn parse_format(sealed: &[u8]) -> Option<u32> {
    let text = whole_file::unseal(sealed)?;
    std::str::from_utf8(text).ok()?.strip_suffix('\n')?.parse().ok()
}
