//! From what a member has to what it is to have, one step per heartbeat (Kafka's CurrentAssignmentBuilder).
//!
//! A member first gives up what it is not to keep, staying in its epoch; once it has, it goes on to the target's epoch
//! and gets what is free; what others have still, it gets when they let go.

use super::super::assign::Partitions;
use super::super::records::consumer::{CurrentAssignment, MemberState};
use super::request::Refusal;
use crate::base::{ErrorCode, Uuid};

/// What a member is on its way to.
pub(super) struct Target<'a> {
    pub epoch: i32,
    pub partitions: &'a Partitions,
}

impl CurrentAssignment {
    pub(super) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }
}

/// The member's next step. `is_taken` says of a partition that another member has it; `owned` is what the member says
/// that it has, if it does.
pub(super) fn step(
    current: &CurrentAssignment,
    target: &Target<'_>,
    is_taken: impl Fn(Uuid, i32) -> bool,
    owned: Option<&Partitions>,
) -> Result<CurrentAssignment, Refusal> {
    match current.state {
        MemberState::Stable if current.epoch == target.epoch => Ok(current.clone()),
        MemberState::Stable | MemberState::UnreleasedPartitions => {
            Ok(go_on(current, current.epoch, target, is_taken, owned))
        }
        MemberState::UnrevokedPartitions if still_has(owned, &current.to_revoke) => Ok(current.clone()),
        // The target may have changed meanwhile: there may be more to give up, in the epoch after.
        MemberState::UnrevokedPartitions => {
            Ok(go_on(current, current.epoch.saturating_add(1), target, is_taken, owned))
        }
        MemberState::Unknown if owned.is_some_and(Partitions::is_empty) => {
            Ok(go_on(current, target.epoch, target, is_taken, owned))
        }
        MemberState::Unknown => {
            let sentence = "The consumer group member is in a unknown state. The member must abandon all its partitions \
                            and rejoin.";
            Err(Refusal::new(ErrorCode::FencedMemberEpoch, sentence))
        }
    }
}

/// A member that does not say what it has, has what it had.
fn still_has(owned: Option<&Partitions>, partitions: &Partitions) -> bool {
    owned.is_none_or(|owned| owned.overlaps(partitions))
}

fn go_on(
    current: &CurrentAssignment,
    epoch: i32,
    target: &Target<'_>,
    is_taken: impl Fn(Uuid, i32) -> bool,
    owned: Option<&Partitions>,
) -> CurrentAssignment {
    let kept = current.assigned.and(target.partitions);
    let to_revoke = current.assigned.without(&kept);
    if !to_revoke.is_empty() && still_has(owned, &to_revoke) {
        let state = MemberState::UnrevokedPartitions;
        return moved(current, CurrentAssignment { epoch, state, assigned: kept, to_revoke, previous_epoch: 0 });
    }
    let (taken, free): (Partitions, Partitions) = {
        let wanted = target.partitions.without(&kept);
        let (taken, free): (Vec<_>, Vec<_>) = wanted.iter().partition(|(topic, number)| is_taken(*topic, *number));
        (taken.into_iter().collect(), free.into_iter().collect())
    };
    let mut assigned = kept;
    assigned.extend(free.iter());
    let state = if taken.is_empty() { MemberState::Stable } else { MemberState::UnreleasedPartitions };
    let to_revoke = Partitions::default();
    moved(current, CurrentAssignment { epoch: target.epoch, state, assigned, to_revoke, previous_epoch: 0 })
}

/// The epoch before is the last one that the member may know: it stays while the member stays in its epoch.
fn moved(from: &CurrentAssignment, to: CurrentAssignment) -> CurrentAssignment {
    let previous_epoch = if to.epoch == from.epoch { from.previous_epoch } else { from.epoch };
    CurrentAssignment { previous_epoch, ..to }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(numbers: &[i32]) -> Partitions {
        numbers.iter().map(|number| (Uuid([1; 16]), *number)).collect()
    }

    fn current(epoch: i32, state: MemberState, assigned: &[i32], to_revoke: &[i32]) -> CurrentAssignment {
        CurrentAssignment { epoch, previous_epoch: 0, state, assigned: some(assigned), to_revoke: some(to_revoke) }
    }

    /// What a step leads to: epoch, state, assigned, to revoke.
    #[track_caller]
    fn leads(
        from: &CurrentAssignment,
        target: (i32, &[i32]),
        taken: &[i32],
        owned: Option<&[i32]>,
        to: CurrentAssignment,
    ) {
        let partitions = some(target.1);
        let target = Target { epoch: target.0, partitions: &partitions };
        let taken = some(taken);
        let owned = owned.map(some);
        let next = step(from, &target, |topic, number| taken.contains(topic, number), owned.as_ref()).expect("a step");
        assert_eq!(CurrentAssignment { previous_epoch: 0, ..next }, to);
    }

    #[test]
    fn every_state_and_what_follows() {
        use MemberState::{Stable, UnreleasedPartitions as Unreleased, UnrevokedPartitions as Unrevoked};
        let stable = current(1, Stable, &[0, 1], &[]);
        leads(&stable, (1, &[0, 1]), &[], None, stable.clone());
        leads(&stable, (2, &[0, 1]), &[], None, current(2, Stable, &[0, 1], &[]));
        leads(&stable, (2, &[0, 1, 2]), &[], None, current(2, Stable, &[0, 1, 2], &[]));
        leads(&stable, (2, &[0, 1, 2, 3]), &[2], None, current(2, Unreleased, &[0, 1, 3], &[]));
        leads(&stable, (2, &[0, 1, 2]), &[2], None, current(2, Unreleased, &[0, 1], &[]));
        leads(&stable, (2, &[0, 2]), &[], None, current(1, Unrevoked, &[0], &[1]));
        leads(&stable, (2, &[0, 2]), &[], Some(&[0, 1]), current(1, Unrevoked, &[0], &[1]));
        leads(&stable, (2, &[0, 2]), &[], Some(&[0]), current(2, Stable, &[0, 2], &[]));

        let unrevoked = current(1, Unrevoked, &[0], &[1]);
        leads(&unrevoked, (2, &[0, 2]), &[], None, unrevoked.clone());
        leads(&unrevoked, (2, &[0, 2]), &[], Some(&[0, 1]), unrevoked.clone());
        leads(&unrevoked, (2, &[0, 2]), &[], Some(&[0]), current(2, Stable, &[0, 2], &[]));
        leads(&unrevoked, (2, &[0, 2]), &[2], Some(&[0]), current(2, Unreleased, &[0], &[]));
        // A newer target wants more back; one that gives back what was asked for is no contradiction.
        leads(&unrevoked, (5, &[2]), &[], Some(&[0]), current(2, Unrevoked, &[], &[0]));
        leads(&unrevoked, (5, &[0, 1]), &[], Some(&[0]), current(5, Stable, &[0, 1], &[]));

        let unreleased = current(2, Unreleased, &[0], &[]);
        leads(&unreleased, (2, &[0, 2]), &[2], None, unreleased.clone());
        leads(&unreleased, (2, &[0, 2]), &[], None, current(2, Stable, &[0, 2], &[]));
        leads(&unreleased, (3, &[2]), &[], None, current(2, Unrevoked, &[], &[0]));

        let unknown = current(2, MemberState::Unknown, &[0], &[]);
        leads(&unknown, (3, &[0]), &[], Some(&[]), current(3, Stable, &[0], &[]));
        let target = Target { epoch: 3, partitions: &some(&[0]) };
        let refusal = step(&unknown, &target, |_, _| false, None).expect_err("it must begin anew");
        assert_eq!(refusal.code, ErrorCode::FencedMemberEpoch);
    }

    #[test]
    fn the_epoch_before_is_what_the_member_last_heard_of() {
        let from = current(3, MemberState::Stable, &[0], &[]);
        let both = some(&[0, 1]);
        let target = Target { epoch: 7, partitions: &both };
        let waiting = step(&from, &target, |_, _| true, None).expect("a step");
        assert_eq!((waiting.epoch, waiting.previous_epoch), (7, 3));
        let done = step(&waiting, &target, |_, _| false, None).expect("a step");
        assert_eq!((done.epoch, done.previous_epoch), (7, 3), "the answer may have been lost both times");
    }
}
