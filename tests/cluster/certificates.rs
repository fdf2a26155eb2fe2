//! The cluster's certificates, made by the `openssl` command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const EXTENSIONS: &str = "
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
";

const NEW_KEY: &str = "-config openssl.cnf -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256";

/// A certificate authority whose files live in one directory: `ca.crt`, `server.{crt,key}`, `service-account.key`.
pub(crate) struct Authority {
    directory: PathBuf,
    issued: AtomicU32,
}

impl Authority {
    /// Makes the authority, the API server's certificate and the key that signs service account tokens.
    pub(crate) fn create(directory: &Path) -> Self {
        let authority = Self { directory: directory.to_owned(), issued: AtomicU32::new(1) };
        fs::write(authority.file("openssl.cnf"), EXTENSIONS).unwrap();
        authority.openssl(
            &format!("req -x509 {NEW_KEY} -extensions authority -days 2 -keyout ca.key -out ca.crt -subj"),
            "/CN=sharekeeper tests",
        );
        authority.issue("server", "server", "/CN=kube-apiserver");
        authority.openssl("ecparam -genkey -noout -name prime256v1 -out", "service-account.key");
        authority
    }

    /// Makes `<name>.crt` and `<name>.key` for a user; Kubernetes reads the user's name from CN (at most 64
    /// characters) and its groups from O.
    pub(crate) fn issue_client(&self, name: &str, user: &str, groups: &[String]) {
        let organizations = groups.iter().map(|group| format!("/O={group}"));
        let subject: Vec<_> = organizations.chain([format!("/CN={user}")]).collect();
        self.issue(name, "client", &subject.concat());
    }

    /// The path of one of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn issue(&self, name: &str, extensions: &str, subject: &str) {
        let serial = self.issued.fetch_add(1, Ordering::Relaxed);
        self.openssl(&format!("req -new {NEW_KEY} -keyout {name}.key -out {name}.csr -subj"), subject);
        let signing = format!("-CA ca.crt -CAkey ca.key -set_serial {serial} -days 2");
        let extensions = format!("-extfile openssl.cnf -extensions {extensions}");
        self.openssl(
            &format!("x509 -req -in {name}.csr {signing} {extensions} -out"),
            &format!("{name}.crt"),
        );
    }

    /// Runs `openssl` with words and one last argument that may hold spaces.
    fn openssl(&self, words: &str, last: &str) {
        let mut command = Command::new("openssl");
        let output = command.args(words.split(' ')).arg(last).current_dir(&self.directory).output();
        let output = output.unwrap_or_else(|error| panic!("openssl, which the cluster tests need: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words} {last}: {errors}");
    }
}
