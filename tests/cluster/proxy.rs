//! A loopback proxy whose connections can be cut, as networks and load balancers do.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Carries TCP connections to one address; dropping it cuts them and stops listening.
pub(crate) struct CuttingProxy {
    address: SocketAddr,
    cuts: watch::Sender<u64>,
    tasks: JoinSet<()>,
}

impl CuttingProxy {
    /// Listens on a loopback port of its own.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().unwrap();
        let cuts = watch::Sender::new(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, upstream, cuts.clone()));
        Self { address, cuts, tasks }
    }

    /// The same, and cuts all connections again and again.
    pub(crate) async fn start_cutting_every(period: Duration, upstream: SocketAddr) -> Self {
        let mut proxy = Self::start(upstream).await;
        let cuts = proxy.cuts.clone();
        proxy.tasks.spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                cuts.send_modify(|cuts| *cuts += 1);
            }
        });
        proxy
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all open connections; new ones are carried.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How often connections were cut.
    pub(crate) fn cuts(&self) -> u64 {
        *self.cuts.borrow()
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, cuts: watch::Sender<u64>) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.spawn(carry(connection, upstream, cuts.subscribe()));
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(mut down: TcpStream, upstream: SocketAddr, mut cuts: watch::Receiver<u64>) {
    let Ok(mut up) = TcpStream::connect(upstream).await else { return };
    tokio::select! {
        biased;
        _ = cuts.changed() => {}
        _ = copy_bidirectional(&mut down, &mut up) => {}
    }
}
