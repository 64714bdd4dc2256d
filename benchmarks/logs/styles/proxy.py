"""Proxies: nginx's error log and access log, Envoy, HAProxy, Apache. The status, the flags and the code decide."""

# ruff: noqa: E501 - log lines are as long as they are
from __future__ import annotations

import random

from benchmarks.logs.cases import Signature
from benchmarks.logs.values import Text

STATUSES = (400, 401, 403, 404, 408, 413, 429, 499, 500, 502, 503, 504)
NGINX = (
    "connect() failed (111: Connection refused) while connecting to upstream",
    "connect() failed (110: Connection timed out) while connecting to upstream",
    "connect() failed (113: No route to host) while connecting to upstream",
    "upstream timed out (110: Connection timed out) while reading response header from upstream",
    "upstream timed out (110: Connection timed out) while connecting to upstream",
    "upstream prematurely closed connection while reading response header from upstream",
    "upstream prematurely closed connection while reading upstream",
    "recv() failed (104: Connection reset by peer) while reading response header from upstream",
    "upstream sent too big header while reading response header from upstream",
    "upstream sent invalid header while reading response header from upstream",
    "no live upstreams while connecting to upstream",
    "SSL_do_handshake() failed (SSL: error:0A000086:SSL routines::certificate verify failed) while SSL handshaking to upstream",
    "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking",
    "client intended to send too large body: <num> bytes",
    'open() "<path>" failed (2: No such file or directory)',
    'open() "<path>" failed (13: Permission denied)',
    'open() "<path>" failed (24: Too many open files)',
    'directory index of "<path>/" is forbidden',
    "a client request body is buffered to a temporary file <path>",
    'limiting requests, excess: <float> by zone "api"',
    'limiting connections by zone "perip"',
    'access forbidden by rule',
    'user "<user>": password mismatch',
    'user "<user>" was not found in "/etc/nginx/htpasswd"',
    "could not build optimal proxy_headers_hash",
    "writev() failed (32: Broken pipe) while sending request to upstream",
    "sendfile() failed (32: Broken pipe) while sending response to client",
    "rewrite or internal redirection cycle while processing <single>",
    "FastCGI sent in stderr: <single> while reading response header from upstream",
    "<host> could not be resolved (3: Host not found)",
    "<host> could not be resolved (2: Server failure)",
    "lua entry thread aborted: runtime error: <path>:<line>: attempt to index a nil value",
    "peer closed connection in SSL handshake while SSL handshaking",
    "worker_connections are not enough while connecting to upstream",
    "invalid number of arguments in <single> directive",
)  # fmt: skip
NGINX_ALERTS = (
    "worker process <pid> exited on signal 11",
    "worker process <pid> exited on signal 9",
    "socket() failed (24: Too many open files)",
    "could not respawn worker",
    "bind() to 0.0.0.0:<port> failed (98: Address already in use)",
    "cache file <path> has md5 collision",
    'unlink() "<path>" failed (2: No such file or directory)',
    "malloc(<num>) failed (12: Cannot allocate memory)",
)
APACHE = (
    ("proxy:error", "(111)Connection refused: AH00957: http: attempt to connect to <ip>:<port> (<host>) failed"),
    ("proxy:error", "AH00898: Error reading from remote server returned by <route>"),
    ("proxy:error", "AH00940: http: disabled connection for (<host>)"),
    ("proxy_http:error", "AH01114: HTTP: failed to make connection to backend: <host>"),
    ("proxy_http:error", "(70007)The timeout specified has expired: AH01102: error reading status line from remote server <hostport>"),
    ("proxy_http:error", "(104)Connection reset by peer: AH01102: error reading status line from remote server <hostport>"),
    ("proxy_http:error", "(20014)Internal error: AH01102: error reading status line from remote server <hostport>"),
    ("proxy_balancer:error", "AH01167: balancer://cart: All workers are in error state for route (<user>)"),
    ("proxy_fcgi:error", "AH01071: Got error 'Primary script unknown'"),
    ("proxy_fcgi:error", "AH01071: Got error 'PHP message: PHP Fatal error:  Uncaught TypeError in <path>:<line>'"),
    ("core:error", "AH00037: Symbolic link not allowed or link target not accessible: <path>"),
    ("core:error", "AH00126: Invalid URI in request <verb> <route> HTTP/1.1"),
    ("core:error", "AH00135: Invalid method in request <single>"),
    ("core:crit", "AH00529: <path>/.htaccess pcfg_openfile: unable to check htaccess file"),
    ("core:alert", "<path>/.htaccess: Invalid command <single>, perhaps misspelled"),
    ("core:emerg", "AH00024: Couldn't set permissions on the rewrite mutex"),
    ("authz_core:error", "AH01630: client denied by server configuration: <path>"),
    ("auth_basic:error", "AH01617: user <user>: authentication failure for <single>: Password Mismatch"),
    ("auth_basic:error", "AH01618: user <user> not found: <route>"),
    ("auth_basic:error", "AH01614: client used wrong authentication scheme: <route>"),
    ("ssl:error", "AH02032: Hostname <host> provided via SNI and hostname <host> provided via HTTP are different"),
    ("ssl:error", "AH02039: Certificate Verification: Error (10): certificate has expired"),
    ("ssl:error", "AH02039: Certificate Verification: Error (18): self-signed certificate"),
    ("ssl:emerg", "AH02572: Failed to configure at least one certificate and key for <hostport>"),
    ("autoindex:error", "AH01276: Cannot serve directory <path>/: No matching DirectoryIndex found"),
    ("rewrite:error", "AH00670: Options FollowSymLinks and SymLinksIfOwnerMatch are both off for <path>"),
    ("security2:error", 'ModSecurity: Access denied with code 403 (phase 2). Matched phrase <quoted> [unique_id "<hex16>"]'),
    ("security2:error", 'ModSecurity: Access denied with code 406 (phase 2). Matched phrase <quoted> [unique_id "<hex16>"]'),
    ("mpm_event:error", "AH00484: server reached MaxRequestWorkers setting, consider raising it"),
    ("mpm_event:error", "AH03490: scoreboard is full, not at MaxRequestWorkers"),
    ("cgi:error", "AH01215: <single>: <path>"),
    ("cgid:error", "AH01262: script not found or unable to stat: <path>"),
    ("http2:error", "AH03401: session <num>: protocol error, stream <small>"),
    ("wsgi:error", "mod_wsgi (pid=<pid>): Exception occurred processing WSGI script '<path>'."),
    ("wsgi:error", "Timeout when reading response headers from daemon process 'shop': <path>"),
)  # fmt: skip
HAPROXY = (
    "Server be_cart/srv<small> is DOWN, reason: Layer4 timeout, check duration: <num>ms. <small> active and <small> backup servers left.",
    "Server be_cart/srv<small> is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: <num>ms.",
    "Server be_cart/srv<small> is DOWN, reason: Layer6 invalid response, check duration: <num>ms.",
    "Server be_cart/srv<small> is DOWN, reason: Layer7 wrong status, code: 500, check duration: <num>ms.",
    "Server be_cart/srv<small> is DOWN, reason: Layer7 wrong status, code: 503, check duration: <num>ms.",
    "Server be_cart/srv<small> is DOWN, reason: Layer7 wrong status, code: 404, check duration: <num>ms.",
    "backend be_cart has no server available!",
    "backend be_search has no server available!",
    "Proxy http-in reached process FD limit (maxsock=<num>). Please check 'ulimit-n' and restart.",
    "Connect() failed for backend be_cart: no free ports.",
    "<ip>:<port> [<ts_hap>] https-in/1: SSL handshake failure",
    "<ip>:<port> [<ts_hap>] https-in/1: Timeout during SSL handshake",
)  # fmt: skip
TERMINATIONS = ("sH--", "SC--", "sC--", "SD--", "CD--", "cD--", "PR--", "SH--", "sQ--")
ENVOY_FLAGS = ("UF", "UH", "UT", "UC", "URX", "UO", "NR", "RL", "LR", "DC", "UF,URX", "UAEX")
ENVOY_WORDS = {
    "UF": "upstream_reset_before_response_started{connection_failure}", "UH": "no_healthy_upstream",
    "UT": "response_timeout", "UC": "upstream_reset_before_response_started{connection_termination}", "URX": "via_upstream",
    "UO": "overflow", "NR": "route_not_found", "RL": "request_rate_limited", "LR": "upstream_reset{local_reset}",
    "DC": "downstream_remote_disconnect", "UF,URX": "upstream_reset{retry_limit}", "UAEX": "ext_authz_denied",
}  # fmt: skip
ENVOY = (
    ("critical][main", "assert failure: active_streams_ == 0. Details: <small>"),
    ("critical][backtrace", "Caught Segmentation fault, suspect faulting address <addr>"),
    (
        "critical][config",
        "StreamAggregatedResources gRPC config stream to xds_cluster closed: 14, upstream connect error",
    ),
    (
        "error][config",
        "gRPC config for type.googleapis.com/envoy.config.cluster.v3.Cluster rejected: duplicate cluster <single>",
    ),
    (
        "error][config",
        "gRPC config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: cannot bind <ip>:<port>",
    ),
    ("error][upstream", "DNS resolution failed for <host>, <small> retries"),
    ("error][http", "[C<num>][S<big>] codec error: http/1.1 protocol error: HPE_INVALID_METHOD"),
    ("error][http2", "[C<num>][S<big>] invalid frame: Violation in HTTP messaging rule on stream <num>"),
    ("error][http3", "[C<num>][S<big>] invalid frame: Violation in HTTP messaging rule on stream <num>"),
    ("error][lua", "[C<num>][S<big>] script log: [string <single>]:<line>: attempt to call a nil value"),
    ("error][wasm", "wasm log cart_filter: Function proxy_on_request_headers failed: Uncaught RuntimeError at <addr>"),
    ("error][tls", "Failed to load certificate chain from <path>"),
    ("error][rbac", "[C<num>] enforced denied, matched policy <single>"),
    ("error][file", "unable to write to <path>: no space left on device"),
    ("error][runtime", "failed to load runtime layer <single>: <path>"),
)
AGENT = '"<agent>"'


def signatures(rng: random.Random, count: int) -> list[Signature]:
    found: list[Signature] = []

    def add(text: str, status: int | None = None, flags: str | None = None) -> None:
        found.append(Signature(f"proxy-{len(found)}", (Text(text),), status, cause=flags))

    asked = ', client: <ip>, server: shop.example, request: "<verb> <route> HTTP/1.1", upstream: "http://<ip>:<port><route>", host: "shop.example"'
    for one in NGINX:
        add(f"<ts_go> [error] <pid>#<pid>: *<num> {one}{asked}")
    for one in NGINX_ALERTS:
        add(f"<ts_go> [alert] <pid>#<pid>: {one}")
    for module, one in APACHE:
        code = 403 if "code 403" in one else 406 if "code 406" in one else None
        add(f"[<ts_apache>] [{module}] [pid <pid>:tid <big>] [client <ip>:<port>] {one}", code)
    for one in HAPROXY:
        code = next((status for status in STATUSES if f"code: {status}" in one), None)
        add(f"<ts_syslog> lb1 haproxy[<pid>]: {one}", code)
    for module, one in ENVOY:
        add(f"[<ts_sp>][<pid>][{module}] [source/common/envoy.cc:<line>] {one}")
    for status in STATUSES:
        add(f'<ip> - <user> [<ts_clf>] "<verb> <route> HTTP/1.1" {status} <num> "<url>" {AGENT}', status)
        add(f'shop.example:443 <ip> - - [<ts_clf>] "<verb> <route> HTTP/2.0" {status} <num> "-" {AGENT} <num>', status)
        add(
            f'<ip> - - [<ts_clf>] "<verb> <route> HTTP/1.1" {status} <num> rt=<float> uct="<float>" urt="<float>" id=<oid>',
            status,
        )
    pairs = [(flag, status) for flag in ENVOY_FLAGS for status in (403, 404, 429, 500, 502, 503, 504)]
    for flag, status in rng.sample(pairs, 42):
        words = ENVOY_WORDS[flag]
        add(
            f'[<ts_iso>] "<verb> <route> HTTP/1.1" {status} {flag} {words} - "-" <num> <num> <num> - "<ip>" {AGENT} "<uuid>" '
            f'"shop.example" "<ip>:<port>" outbound|8080||cart <ip>:<port> <ip>:<port>',
            status,
            flag,
        )
    ends = [(end, status) for end in TERMINATIONS for status in (400, 408, 500, 502, 503, 504)]
    for end, status in rng.sample(ends, 30):
        add(
            f"<ts_syslog> lb1 haproxy[<pid>]: <ip>:<port> [<ts_hap>] http-in be_cart/srv<small> <num>/<small>/<small>/<neg>/<num> "
            f'{status} <num> - - {end} <small>/<small>/<small>/<small>/0 0/0 "<verb> <route> HTTP/1.1"',
            status,
            end,
        )
    rng.shuffle(found)
    return found[:count]
