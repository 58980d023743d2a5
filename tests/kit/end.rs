//! The end of every test with servers: what they leave is looked at.
use chrono::TimeDelta;

use crate::facts;
use crate::server::TestServer;

impl Drop for TestServer {
    fn drop(&mut self) {
        if !self.stopped && !std::thread::panicking() {
            panic!("a test server was not stopped: what it left was not looked at");
        }
    }
}

impl TestServer {
    /// Stops the servers and looks at what is left: see the module.
    ///
    /// # Panics
    /// Where something is left, or a secret stands where none may.
    pub async fn stop(self) {
        self.finish(true).await;
    }

    /// As [`Self::stop`], with the mails left where they are: for tests of thousands of rounds, whose mails nobody reads.
    ///
    /// # Panics
    /// As [`Self::stop`].
    pub async fn stop_without_mail(self) {
        self.finish(false).await;
    }

    async fn finish(mut self, mail: bool) {
        if let Some(clock) = &self.clock {
            clock.advance(TimeDelta::days(40));
            while self.step(mail).await > 0 {}
        }
        let mut left = facts::leftovers(&self).await;
        left.retain(|l| mail || !l.ends_with(facts::UNSENT));
        assert!(left.is_empty(), "left over: {left:#?}");
        facts::assert_log_verifies(&self).await;
        self.assert_no_secret_in_clear().await;
        self.close().await;
    }

    /// Stops the servers without a look at what they leave: for tests that start them again on the same data.
    pub async fn close(&mut self) {
        self.stopped = true;
        for node in &mut self.nodes {
            node.stop().await;
        }
        self.nodes.clear();
    }

    /// No secret that this test has seen stands in the log, in a mail, or in the database.
    ///
    /// # Panics
    /// Where one does.
    pub async fn assert_no_secret_in_clear(&self) {
        let places = [
            ("the log", self.log().into_bytes()),
            ("a mail", format!("{:?}", self.mailbox.all()).into_bytes()),
            ("the database", self.database.bytes().await),
        ];
        for (place, bytes) in places {
            assert!(!bytes.is_empty() || place == "a mail", "{place} could not be read");
            assert_eq!(self.secrets.found_in(&bytes), Vec::<String>::new(), "in {place}");
        }
    }
}
