//! A network of two machines that only this test sees: the PBX, which is the test's own thread and every thread that the
//! library makes, and the far side with all the servers.

use std::fs::{self, File};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};
use std::thread;

use std::os::fd::AsRawFd;

use ariws_testkit::{Configuration, Server};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use tempfile::TempDir;

/// Where the servers are, unless a test says otherwise.
pub const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub const FAR_SIX: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));

/// More addresses of the far side.
pub const OTHERS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 11)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 12)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 13)),
];

/// Files that say how names are resolved.
const RESOLVER: [&str; 3] = ["/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts"];

/// What a far side is told to do with packets.
const TABLE: &str = "add table inet faults
add chain inet faults incoming { type filter hook input priority 0; policy accept; }
add chain inet faults outgoing { type filter hook output priority 0; policy accept; }
";

/// The network.
pub struct Network {
    far: File,
    folder: TempDir,
}

impl Network {
    /// Takes the test's thread into a new one.
    pub fn enter() -> Self {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("namespaces of its own, which root may have");
        mount_at("/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        let far = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace for the far side");
            File::open("/proc/thread-self/ns/net").expect("its file")
        });
        let network = Self {
            far: far.join().expect("the far side"),
            folder: tempfile::tempdir().expect("a folder"),
        };
        network.link();
        network.resolve_there();
        network
    }

    /// The far side's namespace.
    pub fn far_side(&self) -> &File {
        &self.far
    }

    /// Does something on the far side.
    pub fn far<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                setns(&self.far, CloneFlags::CLONE_NEWNET).expect("the far side's namespace");
                action()
            });
            there.join().expect("the far side")
        })
    }

    /// An application that listens on the far side.
    pub fn server(&self, address: impl Into<IpAddr> + Send) -> Server {
        self.server_at(SocketAddr::new(address.into(), 0))
    }

    /// An application that listens at this address of the far side.
    pub fn server_at(&self, address: SocketAddr) -> Server {
        self.far(|| Server::at(address))
    }

    /// Loses packets between both sides from now on, without a word to anybody; `which` is an expression of nft(8).
    pub fn lose(&self, which: &str) {
        let rules = format!(
            "{TABLE}add rule inet faults incoming iifname far {which} drop\nadd rule inet faults outgoing oifname far {which} drop\n"
        );
        self.far(|| feed("nft", &["-f", "-"], &rules));
    }

    /// Loses everything from now on, as if a cable were cut somewhere in between.
    pub fn fall_silent(&self) {
        self.lose("");
    }

    /// Loses what goes to an address and comes from it, between servers of the far side too.
    pub fn lose_machine(&self, address: IpAddr) {
        let rules = format!(
            "{TABLE}add rule inet faults outgoing ip daddr {address} drop\nadd rule inet faults outgoing ip saddr {address} drop\n"
        );
        self.far(|| feed("nft", &["-f", "-"], &rules));
    }

    /// Delivers everything again.
    pub fn heal(&self) {
        self.far(|| feed("nft", &["-f", "-"], "delete table inet faults\n"));
    }

    /// Writes a file for the servers or the library.
    pub fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, contents).expect("a file");
        path
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn link(&self) {
        let far = format!("/proc/{}/fd/{}", id(), self.far.as_raw_fd());
        let near = "link set lo up\nlink set near up\naddr add 10.0.0.1/24 dev near\naddr add fd00::1/64 dev near nodad\n";
        let link = format!("link add near type veth peer name far netns {far}\n");
        feed("ip", &["-batch", "-"], &(link + near));
        let mut there = "link set lo up\nlink set far up\n".to_owned();
        for address in [FAR].iter().chain(&OTHERS) {
            there.push_str(&format!("addr add {address}/24 dev far\n"));
        }
        there.push_str(&format!("addr add {FAR_SIX}/64 dev far nodad\n"));
        self.far(|| feed("ip", &["-batch", "-"], &there));
    }

    /// The far side's name server is the only one.
    fn resolve_there(&self) {
        let server = format!("nameserver {FAR}\noptions timeout:1 attempts:1\n");
        let contents = [server.as_str(), "hosts: files dns\n", "127.0.0.1 localhost\n"];
        for (path, contents) in RESOLVER.iter().zip(contents) {
            let name = Path::new(path).file_name().expect("a name");
            let file = self.file(name.to_str().expect("UTF-8"), contents);
            mount_at(path, Some(&file), MsFlags::MS_BIND);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The thread may enter another one, and finds no place to mount at where a removed file is mounted.
        for path in RESOLVER {
            umount2(path, MntFlags::MNT_DETACH).expect("what was mounted there");
        }
    }
}

/// A configuration with the connection `connection1` to a URI and further lines of its websocket client.
pub fn configuration(kind: &str, uri: &str, more: &str) -> Configuration {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    Configuration::empty()
        .connection("connection1", kind, nowhere, "app1", more)
        .replacing(&format!("ws://{nowhere}/ari"), uri)
}

/// Runs a command that has to succeed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The same with something to read.
fn feed(program: &str, arguments: &[&str], input: &str) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("room");
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}\n{input}");
}

/// Puts a file or folder in the place of another, as far as this test's threads see.
pub fn mount_at(target: &str, source: Option<&Path>, flags: MsFlags) {
    mount(source, target, None::<&str>, flags, None::<&str>).unwrap_or_else(|error| panic!("mounting at {target}: {error}"));
}
