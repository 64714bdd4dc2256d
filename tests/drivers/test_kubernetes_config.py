"""Which cluster, and as whom: kubeconfigs as kubectl reads them, the pod's own account, tokens and commands."""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import os
import ssl
import sys
import time

import pytest
import trustme

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind, config, login
from pilotage.drivers.kubernetes import cluster as clusters
from pilotage.testing.faults import faulty
from tests.drivers.kubeconfigs import written

POD = Kind("", "v1", "Pod", "pods")
FOUND = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}).encode()


@pytest.fixture(autouse=True)
def nobody_else_s(monkeypatch, tmp_path):
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(login, "_kept", {})


@pytest.fixture
def server():
    with faulty() as running:
        running.body = FOUND
        yield running


def at(file, **others):
    return Cluster(ClusterOptions(kubeconfig=file, timeout_s=5, **others), Context(None, None))


async def asked(cluster):
    try:
        return await cluster.get(POD, "a")
    finally:
        await cluster.close()


class Tokens:
    """A server that answers 401 to all but one token, and notes what came."""

    def __init__(self):
        self.good, self.came = "", []


@pytest.fixture
def tokens():
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    state = Tokens()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.came.append(self.headers.get("authorization"))
            good = state.came[-1] == f"Bearer {state.good}"
            body = FOUND if good else b'{"kind": "Status", "reason": "Unauthorized"}'
            self.send_response(200 if good else 401)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{running.server_port}"
    thread = Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    running.shutdown()
    running.server_close()
    thread.join()


class TestWhichFile:
    def test_the_option_then_the_variable_then_the_usual_place(self, tmp_path, monkeypatch):
        assert config.files(tmp_path / "a", None) == (tmp_path / "a",)
        assert [str(one) for one in config.files(None, None)] == [str(tmp_path / "home/.kube/config")]
        monkeypatch.setenv("KUBECONFIG", f"/one{os.pathsep}/two")
        assert [str(one) for one in config.files(None, None)] == ["/one", "/two"]

    def test_a_relative_path_begins_at_the_plan(self, tmp_path):
        options = ClusterOptions.model_validate({"kubeconfig": "clusters/prod"})
        assert config.files(options.kubeconfig, tmp_path) == (tmp_path / "clusters/prod",)

    def test_of_several_files_the_first_to_name_a_thing_wins(self, tmp_path):
        one = written(tmp_path / "one", "https://one.example.org")
        two = written(tmp_path / "two", "https://two.example.org", namespace="other")
        both = config.read([tmp_path / "missing", two, one], None)
        assert (both.server, both.namespace) == ("https://two.example.org", "other")

    def test_paths_in_it_begin_at_its_folder(self, tmp_path):
        (tmp_path / "deep").mkdir()
        given = {"cluster": {"certificate-authority": "ca.pem"}, "tokenFile": "token", "exec": {"command": "bin/login"}}
        access = config.read([written(tmp_path / "deep/config", "https://a.example.org", **given)], None)
        assert access.cluster["certificate-authority"] == str(tmp_path / "deep/ca.pem")
        assert access.user["tokenFile"] == str(tmp_path / "deep/token")
        assert access.user["exec"]["command"] == str(tmp_path / "deep/bin/login")

    def test_in_a_pod_its_own_account(self, tmp_path, monkeypatch):
        (tmp_path / "token").write_text("t")
        (tmp_path / "namespace").write_text("shop\n")
        monkeypatch.setattr(config, "ACCOUNT", tmp_path)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
        access = config.read(config.files(None, None), None)
        assert (access.server, access.namespace) == ("https://[fd00::1]:443", "shop")
        assert access.user == {"tokenFile": str(tmp_path / "token")}


class TestWhatIsWrongWithIt:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a: [", r"is no YAML, line 1"),
            ("[]", "is no kubeconfig"),
            ("{}", "has no current-context; name one with `context`"),
            ("{current-context: a, contexts: [{name: b, context: {}}]}", "has no context a; it has b"),
            ("{current-context: a, contexts: [{name: a, context: {cluster: c}}]}", "has no cluster c; it has none"),
            (
                "{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}], "
                "clusters: [{name: c, cluster: {server: 'https://x'}}]}",
                "has no user u; it has none",
            ),
        ],
    )
    def test_it_is_told_with_the_file(self, tmp_path, text, said):
        (tmp_path / "config").write_text(text)
        with pytest.raises(PermanentError, match=said) as caught:
            config.read([tmp_path / "config"], None)
        assert str(tmp_path / "config") in str(caught.value)

    def test_none_at_all(self, tmp_path):
        with pytest.raises(PermanentError, match=r"there is no kubeconfig .*/home/\.kube/config"):
            config.read(config.files(None, None), None)

    def test_a_context_that_is_not_there(self, tmp_path):
        file = written(tmp_path / "config", "https://a.example.org")
        with pytest.raises(PermanentError, match="has no context production; it has test"):
            config.read([file], "production")

    @pytest.mark.parametrize("server", ["", "a.example.org", "ftp://a", "https://user:secret@a"])
    def test_an_address_that_is_none(self, tmp_path, server):
        with pytest.raises(PermanentError, match="the cluster's `server` is no https:// address") as caught:
            config.read([written(tmp_path / "config", server)], None)
        assert "secret" not in str(caught.value)

    def test_a_secret_does_not_go_out_unencrypted(self, tmp_path):
        with pytest.raises(PermanentError, match="unencrypted"):
            config.read([written(tmp_path / "config", "http://a.example.org", token="s3cr3t")], None)

    async def test_certificates_that_are_none(self, tmp_path):
        file = written(tmp_path / "config", "https://127.0.0.1:1", cluster={"certificate-authority-data": "bm9uZQ=="})
        with pytest.raises(PermanentError, match="certificates cannot be used"):
            await asked(at(file))

    async def test_a_token_that_cannot_be_sent_is_not_shown(self, tmp_path, server):
        with pytest.raises(PermanentError, match="cannot be sent") as caught:
            await asked(at(written(tmp_path / "config", server.url, token="s3cr3t\nx")))
        assert "s3cr3t" not in str(caught.value)

    async def test_the_way_to_log_in_that_kubernetes_gave_up(self, tmp_path, server):
        with pytest.raises(PermanentError, match=r"gave up in 1\.26"):
            await asked(at(written(tmp_path / "config", server.url, **{"auth-provider": {"name": "gcp"}})))

    async def test_without_the_library(self, tmp_path, server, monkeypatch):
        monkeypatch.setitem(sys.modules, "lightkube", None)
        monkeypatch.delitem(sys.modules, clusters._WIRE, raising=False)
        with pytest.raises(PermanentError, match=r"pip install 'pilotage\[kubernetes\]'"):
            await asked(at(written(tmp_path / "config", server.url)))
        monkeypatch.undo()
        importlib.import_module(clusters._WIRE)


class TestTokens:
    async def test_one_in_a_file_is_read_again_when_it_is_renewed(self, tmp_path, tokens):
        (tmp_path / "token").write_text("first\n")
        tokens.good = "first"
        cluster = at(written(tmp_path / "config", tokens.url, tokenFile="token"))
        await cluster.get(POD, "a")
        (tmp_path / "token").write_text("second\n")
        tokens.good = "second"
        await cluster.get(POD, "a")
        assert tokens.came == ["Bearer first", "Bearer second"]
        await cluster.close()

    async def test_a_kubeconfig_written_anew_is_read_anew(self, tmp_path, tokens):
        tokens.good = "first"
        cluster = at(written(tmp_path / "config", tokens.url, token="first"))
        await cluster.get(POD, "a")
        tokens.good = "another"
        written(tmp_path / "config", tokens.url, token="another")
        await cluster.get(POD, "a")
        await cluster.close()
        assert not any(clusters._shared.get(asyncio.get_running_loop(), {}).values())

    async def test_a_user_and_a_password(self, tmp_path, tokens):
        with pytest.raises(PermanentError, match="401"):
            await asked(at(written(tmp_path / "config", tokens.url, username="u", password="p")))
        assert tokens.came == [f"Basic {base64.b64encode(b'u:p').decode()}"]


def command(tmp_path, body, **more):
    """An exec plugin: a script of Python, with what it is told in `info`."""
    script = tmp_path / "login"
    head = f"#!{sys.executable}\nimport json, os, sys, time\ninfo = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
    script.write_text(head + body)
    script.chmod(0o700)
    return {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": str(script), **more}


COUNTING = """
count = len(open(sys.argv[1]).read()) if os.path.exists(sys.argv[1]) else 0
open(sys.argv[1], "a").write("x")
status = {"token": os.environ["PREFIX"] + str(count), "expirationTimestamp": sys.argv[2]}
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


class TestCommandsThatGiveTheToken:
    def exec(self, tmp_path, ends="2100-01-01T00:00:00Z"):
        args, env = [str(tmp_path / "count"), ends], [{"name": "PREFIX", "value": "token"}]
        return command(tmp_path, COUNTING, args=args, env=env)

    async def test_are_asked_once_for_all_drivers_until_the_token_ends(self, tmp_path, tokens):
        tokens.good = "token0"
        file = written(tmp_path / "config", tokens.url, exec=self.exec(tmp_path))
        many = [at(file) for _ in range(4)]
        await asyncio.gather(*(one.get(POD, "a") for one in many for _ in range(3)))
        for one in many:
            await one.close()
        await asked(at(file))
        assert (tmp_path / "count").read_text() == "x"

    async def test_and_again_when_it_has_ended_or_is_refused(self, tmp_path, tokens):
        file = written(tmp_path / "config", tokens.url, exec=self.exec(tmp_path, "2020-01-01T00:00:00Z"))
        tokens.good = "token1"
        await asked(at(file))
        assert tokens.came[-1] == "Bearer token1"
        (tmp_path / "count").unlink()
        file = written(tmp_path / "config", tokens.url, exec=self.exec(tmp_path))
        await asked(at(file))
        assert tokens.came[-2:] == ["Bearer token0", "Bearer token1"]

    async def test_one_that_takes_its_time_does_not_stop_everything_else(self, tmp_path, tokens):
        tokens.good = "slow"
        body = 'time.sleep(0.5); print(json.dumps({"status": {"token": "slow"}}))'
        cluster = at(written(tmp_path / "config", tokens.url, exec=command(tmp_path, body)))
        waiting, longest, before = asyncio.create_task(cluster.get(POD, "a")), 0.0, time.monotonic()
        while not waiting.done():
            await asyncio.sleep(0.01)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        await waiting
        await cluster.close()
        assert longest < 0.3

    async def test_one_that_never_ends_is_ended(self, tmp_path, tokens, monkeypatch):
        monkeypatch.setattr(clusters, "_LOGIN_WITHIN_S", 0.3)
        given = command(tmp_path, "open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)")
        given["args"] = [str(tmp_path / "pid")]
        with pytest.raises(TemporaryError, match=r"login gave no token within 0\.3 s"):
            await asked(at(written(tmp_path / "config", tokens.url, exec=given)))
        if (tmp_path / "pid").exists():
            with pytest.raises(ProcessLookupError):
                os.kill(int((tmp_path / "pid").read_text()), 0)

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("sys.exit('session expired')", r"exit code 1\): session expired\. Log in with it again"),
            ("print('hello')", "printed no ExecCredential"),
            ("print(json.dumps({'status': {'clientCertificateData': 'x'}}))", "printed no ExecCredential"),
        ],
    )
    async def test_one_that_fails_says_why(self, tmp_path, tokens, body, said):
        file = written(tmp_path / "config", tokens.url, exec=command(tmp_path, body))
        with pytest.raises(PermanentError, match=said):
            await asked(at(file))

    async def test_one_that_is_not_installed_says_how(self, tmp_path, tokens):
        given = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "installHint": "brew it"}
        with pytest.raises(PermanentError, match=r"cannot run no-such-plugin .* brew it"):
            await asked(at(written(tmp_path / "config", tokens.url, exec=given)))

    async def test_an_older_protocol_is_told(self, tmp_path, tokens):
        given = {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}
        with pytest.raises(PermanentError, match="needs a command and the apiVersion client"):
            await asked(at(written(tmp_path / "config", tokens.url, exec=given)))

    async def test_it_is_told_the_cluster_when_it_asks_for_it(self, tmp_path, tokens):
        tokens.good = tokens.url
        body = 'print(json.dumps({"status": {"token": info["spec"]["cluster"]["server"]}}))'
        await asked(at(written(tmp_path / "config", tokens.url, exec=command(tmp_path, body, provideClusterInfo=True))))


class TestTheConnection:
    async def test_is_shared_by_drivers_of_one_kubeconfig_and_closed_with_the_last(self, tmp_path, server):
        file = written(tmp_path / "config", server.url, token="t")
        first, second = at(file), at(file, namespace="other")
        await asyncio.gather(first.get(POD, "a"), second.get(POD, "a"), first.get(POD, "a"))
        assert first._held[1] is second._held[1]
        shared = clusters._shared[asyncio.get_running_loop()]
        await first.close()
        await first.close()
        assert len(shared) == 1
        await second.get(POD, "a")
        await second.close()
        assert not shared

    async def test_certificates_of_the_kubeconfig_are_trusted_under_the_name_given_there(self, tmp_path):
        authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("kubernetes.internal").configure_cert(context)
        trusted = {"certificate-authority-data": base64.b64encode(authority.cert_pem.bytes()).decode()}
        with faulty(context) as server:
            server.body = FOUND
            named = {**trusted, "tls-server-name": "kubernetes.internal"}
            await asked(at(written(tmp_path / "config", server.url, cluster=named)))
            with pytest.raises(PermanentError, match="`certificate-authority` of the kubeconfig's cluster"):
                await asked(at(written(tmp_path / "config", server.url, cluster=trusted)))
            insecure = {"insecure-skip-tls-verify": True}
            await asked(at(written(tmp_path / "config", server.url, cluster=insecure)))

    @pytest.mark.parametrize("how", ["kubeconfig", "environment"])
    async def test_goes_through_a_proxy(self, tmp_path, server, monkeypatch, how):
        cluster = {"proxy-url": server.url} if how == "kubeconfig" else {}
        if how == "environment":
            monkeypatch.setenv("HTTP_PROXY", server.url)
        await asked(at(written(tmp_path / "config", "http://cluster.example.org", cluster=cluster)))
        assert server.asked == ["GET http://cluster.example.org/api/v1/namespaces/shop/pods/a"]

    async def test_more_than_an_object_can_have_is_not_read(self, tmp_path, server):
        server.body = b"x" * (9 * 2**20)
        with pytest.raises(PermanentError, match="more came than an object can have"):
            await asked(at(written(tmp_path / "config", server.url)))

    async def test_an_object_of_another_name_is_not_believed(self, tmp_path, server):
        server.body = FOUND.replace(b'"a"', b'"b"')
        with pytest.raises(PermanentError, match="its answer is no Pod a"):
            await asked(at(written(tmp_path / "config", server.url)))

    async def test_a_server_that_repeats_the_token_does_not_show_it(self, tmp_path, server):
        server.status, server.body = 400, b'{"message": "what is s3cr3t-t0ken?"}'
        with pytest.raises(PermanentError, match=r"what is \(hidden\)") as caught:
            await asked(at(written(tmp_path / "config", server.url, token="s3cr3t-t0ken")))
        assert "s3cr3t" not in str(caught.value)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "error", "said"),
        [
            (
                403,
                {"message": 'admission webhook "policy" denied the request: no'},
                PermanentError,
                "denied the request",
            ),
            (
                404,
                {"reason": "NotFound", "details": {"name": "x", "kind": "namespaces"}},
                PermanentError,
                "namespace x",
            ),
            (404, {"reason": "NotFound", "details": {"name": "a", "kind": "pods"}}, PermanentError, "has no Pod a"),
            (404, {}, PermanentError, "is `server` in the kubeconfig an API server's address"),
            (409, {"reason": "AlreadyExists"}, PermanentError, "already has the Pod a"),
            (409, {"reason": "Conflict", "message": "modified"}, TemporaryError, "at the same moment"),
            (
                422,
                {"message": "bad", "details": {"causes": [{"field": "spec.x"}]}},
                PermanentError,
                r"422 .*bad \(in spec\.x\)",
            ),
            (410, {"reason": "Expired", "message": "too old resource version"}, TemporaryError, "410 .*too old"),
            (500, {"message": 'failed calling webhook "x": context deadline exceeded'}, TemporaryError, "webhook"),
            (504, {"message": "etcd"}, TemporaryError, "504 .*etcd"),
        ],
    )
    async def test_mean_what_the_status_says(self, tmp_path, server, status, body, error, said):
        server.status, server.body = status, json.dumps({"kind": "Status", **body}).encode()
        with pytest.raises(error, match=said):
            await asked(at(written(tmp_path / "config", server.url)))


class TestWhatChangesMeanwhile:
    async def test_another_current_context_or_namespace_moves_no_driver_that_has_begun(self, tmp_path, tokens):
        """As kubectx and kubens make them, in the terminal of whoever is on call."""
        tokens.good = "first"
        file = written(tmp_path / "config", tokens.url, token="first")
        cluster = at(file)
        await cluster.get(POD, "a")
        config = json.loads(file.read_text())
        (context,) = config["contexts"]
        context["context"]["namespace"] = "elsewhere"
        config["contexts"].append({"name": "other", "context": {"cluster": "d", "user": "u"}})
        config["clusters"].append({"name": "d", "cluster": {"server": "http://127.0.0.1:1"}})
        file.write_text(json.dumps({**config, "current-context": "other"}))
        await cluster.get(POD, "a")
        assert await cluster.namespace() == "shop"
        await cluster.close()

    @pytest.mark.parametrize("text", ["", "{contexts: [", None])
    async def test_a_kubeconfig_that_is_being_written_stops_nobody_who_has_read_it(self, tmp_path, tokens, text):
        tokens.good = "first"
        file = written(tmp_path / "config", tokens.url, token="first")
        cluster = at(file)
        await cluster.get(POD, "a")
        file.unlink() if text is None else file.write_text(text)
        await cluster.get(POD, "a")
        tokens.good = "second"
        written(file, tokens.url, token="second")
        await cluster.get(POD, "a")
        await cluster.close()
