import os
import tempfile
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.drivers.logs import LogFile, Reader

TEXT = b"".join(b"%x\n" % Random(number).getrandbits(4 * (number % 90 + 1)) for number in range(1000))
SIZES = st.integers(8, 300)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), SIZES),
        st.tuples(st.just("rename"), st.just(0) | SIZES),
        st.tuples(st.just("copytruncate"), st.just(0)),
        st.tuples(st.just("pack"), st.integers(1, 3)),
        st.tuples(st.just("restart"), st.integers(0, 100)),
        st.tuples(st.just("read"), st.sampled_from([0, 1, 6, 20])),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_whatever_rotation_packing_and_restarts_do_each_byte_is_handed_out_once(steps):
    with tempfile.TemporaryDirectory() as name:
        log = LogFile(Path(name) / "app.log")
        at = 0
        reader = Reader(Path(name))
        reader.read()
        for step, much in steps:
            if step == "write":
                log.write(TEXT[at : at + much])
                at += much
            elif step == "rename":
                log.rename(TEXT[at : at + much])
                at += much
            elif step == "copytruncate":
                log.copytruncate()
            elif step == "pack":
                log.pack(much)
            elif step == "restart":
                reader.restart(much)
            else:
                reader.read(much)
        log.write(b"the end\n")
        reader.drain()
        assert reader.heard() == log.truth()
        assert reader.troubles == []
        reader.close()
        os.close(log.fd)
