//! The member's hands: the way to the coordinator, one request under way on it, and the reader beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::member::{Ask, Member, Next};
use super::{Committer, GroupView, MemberConfig, Shared};
use crate::client::connection::{Connection, Done};
use crate::client::poll::{self, Stop};
use crate::client::{ClientConfig, ClientError, Cluster};
use crate::protocol::kafka::api::heartbeat::HeartbeatRequest;
use crate::protocol::kafka::api::join_group::JoinGroupRequest;
use crate::protocol::kafka::api::leave_group::LeaveGroupRequest;
use crate::protocol::kafka::api::metadata::MetadataRequest;
use crate::protocol::kafka::api::sync_group::SyncGroupRequest;
use crate::protocol::kafka::{ApiKey, Request};

/// A coordinator holds a JoinGroup until all members are there, and answers soon after.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
/// Who leaves does not wait long for a coordinator that does not answer: it will notice by itself.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Work {
    client: ClientConfig,
    config: MemberConfig,
    member: Member,
    shared: Arc<Shared>,
    cluster: Option<Cluster>,
    connection: Option<Connection>,
    /// What the request under way is, and until when it is to be answered.
    asked: Option<(ApiKey, Instant)>,
    connect_at: Instant,
    tries: u32,
    outage: Option<Instant>,
}

impl Work {
    pub(super) fn new(client: ClientConfig, config: MemberConfig, shared: Arc<Shared>) -> Work {
        let now = Instant::now();
        let stop: Arc<dyn Stop> = shared.leave.clone();
        Work {
            client: ClientConfig { stop: Some(stop), ..client },
            member: Member::new(config.clone(), now),
            config,
            shared,
            cluster: None,
            connection: None,
            asked: None,
            connect_at: now,
            tries: 0,
            outage: None,
        }
    }

    pub(super) fn run(mut self) {
        match self.stay() {
            Ok(()) | Err(ClientError::Interrupted) => self.leave(),
            Err(error) => {
                // Whatever is wrong here, the others need not wait for it to time out.
                self.leave();
                self.shared.state.lock().ended = Some(error);
                self.shared.for_reader.ring();
            }
        }
    }

    /// Until it is asked to leave, or can't stay.
    fn stay(&mut self) -> Result<(), ClientError> {
        while !self.shared.leave.0.is_rung() {
            self.shared.for_member.answer();
            self.exchange_views();
            let now = Instant::now();
            let wake_at = match self.step(now) {
                Ok(Some(wake_at)) => wake_at,
                Ok(None) => continue,
                Err(e) if e.is_retriable() => {
                    self.disconnect(e, now)?;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let mut own: Vec<poll::Watch<'_>> = self.connection.iter().map(Connection::watch).collect();
            #[cfg(unix)]
            own.push(self.shared.for_member.watch());
            poll::wait(&mut own, &mut [], Some(&*self.shared.leave), Some(wake_at));
        }
        Ok(())
    }

    /// Tells the reader what has changed, and learns what it holds, in one.
    fn exchange_views(&mut self) {
        let mut state = self.shared.state.lock();
        let view = GroupView {
            wanted: self.member.wanted(),
            losses: self.member.losses(),
            is_settled: self.member.is_settled(),
        };
        let committer = Committer {
            generation: self.member.generation(),
            member: self.member.id().to_owned(),
            instance: self.config.instance.clone(),
        };
        if view.losses != state.view.losses {
            state.held.clear();
        }
        self.member.holds(state.held.clone());
        if view != state.view || committer != state.committer {
            (state.view, state.committer) = (view, committer);
            self.shared.for_reader.ring();
        }
    }

    /// Does what can be done now. None: something has happened, look again; else when to look at the latest.
    fn step(&mut self, now: Instant) -> Result<Option<Instant>, ClientError> {
        if self.connection.is_none() {
            if now < self.connect_at {
                return Ok(Some(self.connect_at));
            }
            self.connect()?;
            return Ok(None);
        }
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let wake_at = match self.asked {
            Some((_, by)) => by,
            None => match self.member.next(now) {
                Next::Wait(until) => until,
                Next::Ask(ask) => {
                    let patience = match &ask {
                        Ask::Join(_) => self.config.rebalance_timeout + JOIN_PATIENCE,
                        Ask::Heartbeat(_) => self.client.request_timeout.min(self.config.session_timeout),
                        Ask::Topics(_) | Ask::Sync(_) => self.client.request_timeout,
                    };
                    self.asked = Some((send(connection, &ask)?, now + patience));
                    now + patience
                }
            },
        };
        connection.pump()?;
        match (connection.receive()?, self.asked) {
            (Some(done), _) => {
                self.answered(&done, now)?;
                Ok(None)
            }
            (None, Some((key, by))) if now >= by => {
                let what = format!("{key} to {}", connection.address());
                let waited_ms = connection.oldest().map_or(0, |sent| (now - sent).as_millis());
                Err(ClientError::TimedOut { what, waited_ms })
            }
            (None, _) => Ok(Some(wake_at)),
        }
    }

    fn answered(&mut self, done: &Done, now: Instant) -> Result<(), ClientError> {
        let Some((key, _)) = self.asked.take() else { return Ok(()) };
        let address = self.connection.as_ref().map_or("", Connection::address);
        match key {
            ApiKey::JoinGroup => self.member.joined(&done.decode::<JoinGroupRequest>(address)?, now)?,
            ApiKey::SyncGroup => self.member.synced(&done.decode::<SyncGroupRequest>(address)?, now)?,
            ApiKey::Heartbeat => self.member.beaten(&done.decode::<HeartbeatRequest>(address)?, now)?,
            _ => self.member.learned(&done.decode::<MetadataRequest>(address)?, now),
        }
        (self.tries, self.outage) = (0, None);
        Ok(())
    }

    /// Finds the coordinator and opens a connection to it.
    fn connect(&mut self) -> Result<(), ClientError> {
        let cluster = match &mut self.cluster {
            Some(cluster) => cluster,
            None => self.cluster.insert(Cluster::connect(self.client.clone())?),
        };
        cluster.forget_coordinator(&self.config.group);
        let coordinator = cluster.coordinator(&self.config.group)?;
        self.connection = Some(cluster.dial(coordinator)?);
        Ok(())
    }

    fn disconnect(&mut self, error: ClientError, now: Instant) -> Result<(), ClientError> {
        (self.connection, self.asked) = (None, None);
        self.member.disconnected(now);
        self.connect_at = now + self.client.backoff(self.tries);
        self.tries += 1;
        let since = *self.outage.get_or_insert(now);
        match self.config.reconnect_for {
            Some(patience) if now - since >= patience => Err(error),
            _ => Ok(()),
        }
    }

    /// Says good-bye, if there is somebody to say it to.
    fn leave(&mut self) {
        let (Some(request), Some(cluster)) = (self.member.leave(), &mut self.cluster) else { return };
        cluster.finish_within(LEAVE_PATIENCE);
        let by = Instant::now() + LEAVE_PATIENCE;
        // Behind a request that is not answered yet, this one would wait too.
        let idle = self.connection.take().filter(|_| self.asked.is_none());
        let connection = match idle {
            Some(idle) => Ok(idle),
            None => cluster.coordinator(&self.config.group).and_then(|id| cluster.dial(id)),
        };
        if let Ok(mut connection) = connection {
            // Nothing could be done about a refusal; the session's end does the same.
            let _ = connection.exchange::<LeaveGroupRequest>(&request, cluster.patience(), by);
        }
    }
}

fn send(connection: &mut Connection, ask: &Ask) -> Result<ApiKey, ClientError> {
    fn one<R: Request>(connection: &mut Connection, request: &R) -> Result<ApiKey, ClientError> {
        connection.send(request, Vec::new(), true).map(|()| R::KEY)
    }
    match ask {
        Ask::Join(request) => one(connection, request),
        Ask::Topics(request) => one(connection, request),
        Ask::Sync(request) => one(connection, request),
        Ask::Heartbeat(request) => one(connection, request),
    }
}
