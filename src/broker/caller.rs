//! Who asks, and whether they may. Every handler is handed a [`Caller`], and every operation asks
//! [`authorize`], which lets everybody do everything until there are users and rules.

use std::net::SocketAddr;
use std::sync::Arc;

use super::waiting::Waker;

/// The other end of a connection.
#[derive(Clone)]
pub struct Caller {
    /// `User:ANONYMOUS` on listeners that ask for no authentication, as in Kafka.
    pub principal: Arc<str>,
    /// The listener's name and the address it tells clients to come to.
    pub listener: Arc<ListenerName>,
    /// What the client calls itself (`client.id`).
    pub client_id: Option<Arc<str>>,
    pub address: SocketAddr,
    /// The address that this client dialled: what it is told to come back to where nothing is advertised.
    pub dialled: SocketAddr,
    pub waker: Arc<dyn Waker>,
}

/// A listener as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerName {
    pub name: String,
    /// `--advertise`, where it was given.
    pub advertised: Option<(String, u16)>,
}

impl Caller {
    /// The peer's address as Java prints one without a name, which is what tools show of a group's members.
    pub fn host_as_kafka_prints_it(&self) -> String {
        format!("/{}", self.address.ip().to_canonical())
    }

    /// Host and port to tell this client for this broker.
    pub fn broker_address(&self) -> (String, u16) {
        match &self.listener.advertised {
            Some((host, port)) => (host.clone(), *port),
            None => (self.dialled.ip().to_canonical().to_string(), self.dialled.port()),
        }
    }
}

/// What somebody wants to do (Kafka's AclOperation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    ClusterAction,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
}

/// What they want to do it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    Topic(&'a str),
    Group(&'a str),
    TransactionalId(&'a str),
    Cluster,
}

/// Whether `caller` may. Rules come with users; every operation asks here already.
pub fn authorize(_caller: &Caller, _operation: Operation, _resource: Resource<'_>) -> bool {
    true
}
