//! Ports of this machine that lead on from a host, and commands that use them.

use crate::common::sshd::Lab;
use crate::fake::Fake;

#[test]
fn a_port_leads_to_a_service_beside_the_host_and_a_command_sees_it() {
    let (lab, fake) = (Lab::new(), Fake::start(|_| {}));
    let sshd = lab.sshd("api", "");
    let port = fake.server.address.rsplit(':').next().unwrap();
    let script = format!(
        "let host = ssh::host(\"127.0.0.1\", #{{ port: {}, key: {:?}, known_hosts: {:?} }});\n\
         let tunnel = host.forward({port});\n\
         print(http::get(`http://${{tunnel.address}}/health`).text());\n\
         let code = terminal::command([\"sh\", \"-c\", \"exit $CODE\"], #{{ env: #{{ CODE: \"7\" }} }});\n\
         tunnel.close();\n\
         exit(code);",
        sshd.port,
        lab.path("id"),
        lab.path("known_hosts"),
    );
    let config = lab.path("config");
    let ran = fake.run_with(&["--ssh-config", config.to_str().unwrap()], &script);
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(7), "Health check successful"),
        "{}",
        ran.stderr
    );
}
