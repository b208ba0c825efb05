//! Many invocations at one record at once. What they see of each other depends on the store and on who drives the futures.

use futures::future::join_all;

use super::{commit, put, read, write};
use crate::ledger::{Committed, Index, Key, Kind, Ledger, LedgerError};

const WRITERS: usize = 8;
const UPDATES: usize = 5;
/// Attempts of one writer at one update before the store counts as blocked.
const ATTEMPTS_MAX: usize = 400;

/// Writers that all read the same version: one is written, the others lose. Who is answered busy may have written.
pub(super) async fn one_of_many_writers_at_a_version_wins<L: Ledger>(open: &impl Fn() -> L, run: &str) {
    let key = Key::new(Kind::Class, format!("{run}/race"));
    let invocations: Vec<L> = (0..WRITERS).map(|_| open()).collect();
    for version in 0..10 {
        let attempts = invocations.iter().enumerate().map(|(writer, ledger)| {
            let value = put(format!("{version} by {writer}").as_bytes(), Index::Open);
            ledger.commit(vec![write(&key, version, value)])
        });
        let answers = join_all(attempts).await;
        let written: Vec<usize> =
            (0..WRITERS).filter(|writer| answers[*writer] == Ok(Committed::Written)).collect();
        let unclear = answers.iter().any(|answer| matches!(answer, Err(LedgerError::Busy { .. })));
        assert!(written.len() == 1 || (written.is_empty() && unclear), "{answers:?}");
        let mut record = read(&open(), &key).await;
        if record.as_ref().map_or(0, |r| r.version) == version {
            // Everybody was told busy and nobody has written: the next one gets through.
            let value = put(b"nobody", Index::Open);
            assert_eq!(commit(&open(), &key, version, value).await, Committed::Written);
            record = read(&open(), &key).await;
        }
        let record = record.expect("it was written");
        assert_eq!(record.version, version + 1);
        if let Some(writer) = written.first() {
            assert_eq!(record.value, format!("{version} by {writer}").into_bytes());
        }
    }
}

/// Each writer adds its marks to what it read. In the end each mark is there once, and there was a version for each.
pub(super) async fn no_update_is_lost<L: Ledger>(open: &impl Fn() -> L, run: &str) {
    let key = Key::new(Kind::Pool, format!("{run}/marks"));
    let invocations: Vec<L> = (0..WRITERS).map(|_| open()).collect();
    join_all(invocations.iter().enumerate().map(|(writer, ledger)| add_marks(ledger, &key, writer))).await;
    let record = read(&open(), &key).await.expect("it was written");
    let text = String::from_utf8(record.value).expect("marks are text");
    let mut marks: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(record.version, u64::try_from(marks.len()).unwrap_or_default(), "one version for each mark");
    marks.sort_unstable();
    let mut expected: Vec<String> =
        (0..WRITERS).flat_map(|writer| (0..UPDATES).map(move |n| format!("{writer}:{n}"))).collect();
    expected.sort_unstable();
    assert_eq!(marks, expected);
}

async fn add_marks<L: Ledger>(ledger: &L, key: &Key, writer: usize) {
    for n in 0..UPDATES {
        let mark = format!("{writer}:{n}");
        let mut attempts = 0;
        loop {
            attempts += 1;
            assert!(attempts <= ATTEMPTS_MAX, "writer {writer} never gets through");
            // Reading may be answered busy as well; it is only tried again.
            let Ok(record) = ledger.read(key).await else { continue };
            let (version, text) = record.map_or((0, String::new()), |record| {
                (record.version, String::from_utf8(record.value).expect("marks are text"))
            });
            if text.split_whitespace().any(|found| found == mark) {
                break;
            }
            let value = put(format!("{text} {mark}").as_bytes(), Index::Open);
            // Lost or busy: the next look tells whether the mark is there.
            if ledger.commit(vec![write(key, version, value)]).await == Ok(Committed::Written) {
                break;
            }
        }
    }
}
