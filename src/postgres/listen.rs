//! Messages of `NOTIFY`.

use super::{Error, Lease, Notification};

impl Lease {
    /// Begins to hear a channel. The connection is for listening from then on.
    pub async fn listen(&self, channel: &str) -> Result<(), Error> {
        self.connection()?
            .taken
            .store(true, std::sync::atomic::Ordering::Relaxed);
        // a name is no parameter anywhere in SQL
        self.batch(&format!("LISTEN \"{}\"", channel.replace('"', "\"\"")))
            .await
    }

    /// Waits for the next message. Dropping the future loses none.
    pub async fn next_notification(&mut self) -> Result<Notification, Error> {
        let connection = self.connection_mut()?;
        match connection.notifications.recv().await {
            Some(message) => Ok(message),
            None => Err(connection.lost()),
        }
    }
}
