//! Who is in a classic group: members by id, static ones by instance too, the leader, and what all of them offer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::member::{Member, MemberId, Protocol};

/// Keeps its counts in step with its members, so that no question walks through all of them.
#[derive(Debug, Default)]
pub struct Members {
    by_id: BTreeMap<MemberId, Member>,
    static_ids: BTreeMap<Arc<str>, MemberId>,
    /// How many members offer each protocol.
    offers: BTreeMap<String, usize>,
    /// How many wait in JoinGroup.
    joining: usize,
    leader: Option<MemberId>,
}

impl Members {
    pub fn get(&self, id: &str) -> Option<&Member> {
        self.by_id.get(id)
    }

    /// For what no count depends on; see [`update`](Self::update) for the rest.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.by_id.get_mut(id)
    }

    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&MemberId, &Member)> {
        self.by_id.iter()
    }

    pub fn ids(&self) -> Vec<MemberId> {
        self.by_id.keys().cloned().collect()
    }

    pub fn joining(&self) -> usize {
        self.joining
    }

    pub fn static_id(&self, instance: &str) -> Option<&MemberId> {
        self.static_ids.get(instance)
    }

    pub fn leader(&self) -> Option<&MemberId> {
        self.leader.as_ref()
    }

    pub fn is_leader(&self, id: &str) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.as_str() == id)
    }

    /// Whoever comes first leads.
    pub fn add(&mut self, id: MemberId, member: Member) {
        self.remove(id.as_str());
        self.count(&member, 1);
        if let Some(instance) = &member.instance_id {
            self.static_ids.insert(Arc::clone(instance), id.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.by_id.insert(id, member);
    }

    /// Another leads if the leader goes.
    pub fn remove(&mut self, id: &str) -> Option<Member> {
        let member = self.by_id.remove(id)?;
        self.count(&member, -1);
        if let Some(instance) = &member.instance_id
            && self.static_ids.get(instance).is_some_and(|owner| owner.as_str() == id)
        {
            self.static_ids.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.by_id.keys().next().cloned();
        }
        Some(member)
    }

    /// The same member under another id; it keeps the lead.
    pub fn rename(&mut self, old: &str, new: MemberId) {
        let leads = self.is_leader(old);
        if let Some(member) = self.remove(old) {
            self.add(new.clone(), member);
            if leads {
                self.leader = Some(new);
            }
        }
    }

    /// Changes a member and whatever depends on it.
    pub fn update<T>(&mut self, id: &str, change: impl FnOnce(&mut Member) -> T) -> Option<T> {
        let mut member = self.by_id.get(id)?.clone();
        self.count(&member, -1);
        let outcome = change(&mut member);
        self.count(&member, 1);
        *self.by_id.get_mut(id)? = member;
        Some(outcome)
    }

    /// A leader that has not come back loses the lead to one that has. Whether anybody leads then.
    pub fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.by_id.get(leader).is_some_and(|member| member.joining.is_some()) {
            return true;
        }
        let joined = self.by_id.iter().find(|(_, member)| member.joining.is_some());
        match joined {
            Some((id, _)) => self.leader = Some(id.clone()),
            None => return false,
        }
        true
    }

    /// A leader from the log; one that is no member gives way to one that is.
    pub fn set_leader(&mut self, id: Option<&str>) {
        if let Some((known, _)) = id.and_then(|id| self.by_id.get_key_value(id)) {
            self.leader = Some(known.clone());
        }
    }

    /// Whether all members offer one of these.
    pub fn share_any(&self, protocols: &[Protocol]) -> bool {
        protocols.iter().any(|protocol| self.offers.get(&protocol.name).copied().unwrap_or(0) == self.len())
    }

    /// Every member votes for the first in its list that all offer; the most votes win, and of equals the one that the
    /// leader names first.
    pub fn vote(&self) -> Option<String> {
        let offered_by_all = |protocol: &&Protocol| self.offers.get(&protocol.name) == Some(&self.len());
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.by_id.values() {
            if let Some(choice) = member.protocols.iter().find(offered_by_all) {
                *votes.entry(&choice.name).or_default() += 1;
            }
        }
        let most = votes.values().max()?;
        let leader = self.leader.as_ref().and_then(|leader| self.by_id.get(leader))?;
        let winner = leader.protocols.iter().find(|protocol| votes.get(protocol.name.as_str()) == Some(most));
        winner.map(|protocol| protocol.name.clone())
    }

    fn count(&mut self, member: &Member, by: isize) {
        let add = |count: usize| count.saturating_add_signed(by);
        if member.joining.is_some() {
            self.joining = add(self.joining);
        }
        for protocol in &member.protocols {
            let offers = self.offers.entry(protocol.name.clone()).or_default();
            *offers = add(*offers);
        }
        self.offers.retain(|_, count| *count > 0);
    }
}
