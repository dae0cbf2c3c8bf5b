//! The messages of envd's two services.

use crate::connect::message::{Field, Kind, Message, many, one};

macro_rules! messages {
    ($($(#[$doc:meta])* $constant:ident = $name:literal [$($field:expr),* $(,)?];)*) => {
        $($(#[$doc])* pub const $constant: Message = Message {
            name: $name,
            fields: { const FIELDS: &[Field] = &[$($field),*]; FIELDS },
        };)*
    };
}

const FILE_TYPES: &[(&str, i64)] = &[
    ("FILE_TYPE_UNSPECIFIED", 0),
    ("FILE_TYPE_FILE", 1),
    ("FILE_TYPE_DIRECTORY", 2),
];
const EVENT_TYPES: &[(&str, i64)] = &[
    ("EVENT_TYPE_UNSPECIFIED", 0),
    ("EVENT_TYPE_CREATE", 1),
    ("EVENT_TYPE_WRITE", 2),
    ("EVENT_TYPE_REMOVE", 3),
    ("EVENT_TYPE_RENAME", 4),
    ("EVENT_TYPE_CHMOD", 5),
];
const SIGNALS: &[(&str, i64)] = &[
    ("SIGNAL_UNSPECIFIED", 0),
    ("SIGNAL_SIGTERM", 15),
    ("SIGNAL_SIGKILL", 9),
];

messages! {
    EMPTY = "Empty" [];
    // --- filesystem
    ENTRY = "filesystem.EntryInfo" [
        one(1, "name", Kind::Text),
        one(2, "type", Kind::Choice(FILE_TYPES)),
        one(3, "path", Kind::Text),
    ];
    ONE_ENTRY = "filesystem.StatResponse" [one(1, "entry", Kind::Message(&ENTRY))];
    STAT = "filesystem.StatRequest" [one(1, "path", Kind::Text)];
    MAKE_DIR = "filesystem.MakeDirRequest" [one(1, "path", Kind::Text)];
    REMOVE = "filesystem.RemoveRequest" [one(1, "path", Kind::Text)];
    MOVE = "filesystem.MoveRequest" [
        one(1, "source", Kind::Text),
        one(2, "destination", Kind::Text),
    ];
    LIST_DIR = "filesystem.ListDirRequest" [
        one(1, "path", Kind::Text),
        one(2, "depth", Kind::Number),
    ];
    ENTRIES = "filesystem.ListDirResponse" [many(1, "entries", Kind::Message(&ENTRY))];
    WATCH_DIR = "filesystem.WatchDirRequest" [
        one(1, "path", Kind::Text),
        one(2, "recursive", Kind::Flag),
    ];
    FILE_EVENT = "filesystem.FilesystemEvent" [
        one(1, "name", Kind::Text),
        one(2, "type", Kind::Choice(EVENT_TYPES)),
    ];
    WATCHED = "filesystem.WatchDirResponse" [
        one(1, "start", Kind::Message(&EMPTY)),
        one(2, "filesystem", Kind::Message(&FILE_EVENT)),
        one(3, "keepalive", Kind::Message(&EMPTY)),
    ];
    CREATE_WATCHER = "filesystem.CreateWatcherRequest" [
        one(1, "path", Kind::Text),
        one(2, "recursive", Kind::Flag),
    ];
    WATCHER = "filesystem.CreateWatcherResponse" [one(1, "watcherId", Kind::Text)];
    GET_EVENTS = "filesystem.GetWatcherEventsRequest" [one(1, "watcherId", Kind::Text)];
    EVENTS = "filesystem.GetWatcherEventsResponse" [many(1, "events", Kind::Message(&FILE_EVENT))];
    REMOVE_WATCHER = "filesystem.RemoveWatcherRequest" [one(1, "watcherId", Kind::Text)];
    // --- process
    SIZE = "process.PTY.Size" [one(1, "cols", Kind::Number), one(2, "rows", Kind::Number)];
    PTY = "process.PTY" [one(1, "size", Kind::Message(&SIZE))];
    CONFIG = "process.ProcessConfig" [
        one(1, "cmd", Kind::Text),
        many(2, "args", Kind::Text),
        one(3, "envs", Kind::Texts),
        one(4, "cwd", Kind::Text),
    ];
    LIST = "process.ListRequest" [];
    INFO = "process.ProcessInfo" [
        one(1, "config", Kind::Message(&CONFIG)),
        one(2, "pid", Kind::Number),
        one(3, "tag", Kind::Text),
    ];
    LISTED = "process.ListResponse" [many(1, "processes", Kind::Message(&INFO))];
    START = "process.StartRequest" [
        one(1, "process", Kind::Message(&CONFIG)),
        one(2, "pty", Kind::Message(&PTY)),
        one(3, "tag", Kind::Text),
    ];
    SELECTOR = "process.ProcessSelector" [one(1, "pid", Kind::Number), one(2, "tag", Kind::Text)];
    UPDATE = "process.UpdateRequest" [
        one(1, "process", Kind::Message(&SELECTOR)),
        one(2, "pty", Kind::Message(&PTY)),
    ];
    STARTED = "process.ProcessEvent.StartEvent" [one(1, "pid", Kind::Number)];
    DATA = "process.ProcessEvent.DataEvent" [
        one(1, "stdout", Kind::Bytes),
        one(2, "stderr", Kind::Bytes),
        one(3, "pty", Kind::Bytes),
    ];
    ENDED = "process.ProcessEvent.EndEvent" [
        one(1, "exitCode", Kind::Signed),
        one(2, "exited", Kind::Flag),
        one(3, "status", Kind::Text),
        one(4, "error", Kind::Text),
    ];
    EVENT = "process.ProcessEvent" [
        one(1, "start", Kind::Message(&STARTED)),
        one(2, "data", Kind::Message(&DATA)),
        one(3, "end", Kind::Message(&ENDED)),
        one(4, "keepalive", Kind::Message(&EMPTY)),
    ];
    /// What `Start` and `Connect` answer.
    PROCESS_EVENT = "process.StartResponse" [one(1, "event", Kind::Message(&EVENT))];
    INPUT = "process.ProcessInput" [one(1, "stdin", Kind::Bytes), one(2, "pty", Kind::Bytes)];
    SEND_INPUT = "process.SendInputRequest" [
        one(1, "process", Kind::Message(&SELECTOR)),
        one(2, "input", Kind::Message(&INPUT)),
    ];
    INPUT_START = "process.StreamInputRequest.StartEvent" [
        one(1, "process", Kind::Message(&SELECTOR)),
    ];
    INPUT_DATA = "process.StreamInputRequest.DataEvent" [one(2, "input", Kind::Message(&INPUT))];
    STREAM_INPUT = "process.StreamInputRequest" [
        one(1, "start", Kind::Message(&INPUT_START)),
        one(2, "data", Kind::Message(&INPUT_DATA)),
        one(3, "keepalive", Kind::Message(&EMPTY)),
    ];
    SEND_SIGNAL = "process.SendSignalRequest" [
        one(1, "process", Kind::Message(&SELECTOR)),
        one(2, "signal", Kind::Choice(SIGNALS)),
    ];
    CLOSE_STDIN = "process.CloseStdinRequest" [one(1, "process", Kind::Message(&SELECTOR))];
    CONNECT = "process.ConnectRequest" [one(1, "process", Kind::Message(&SELECTOR))];
}
