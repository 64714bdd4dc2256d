"""The supervisor of one command: a program of its own, standard library only, see process.py.

It holds a lock on the journal while its command runs, so a second supervisor of the same key waits, and then finds the
result instead of running the command again. The result is renamed into place: it is whole, or not there.
"""

import fcntl
import json
import os
import subprocess
import sys


def main() -> None:
    job = json.loads(sys.argv[1])
    with open(job["journal"] + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = job["journal"] + ".json"
        if os.path.exists(path):
            with open(path) as file:
                if json.load(file)["returncode"] == 0:
                    return
        try:
            done = subprocess.run(
                job["argv"], capture_output=True, timeout=job["timeout_s"], stdin=subprocess.DEVNULL, check=False
            )
            result = {
                "returncode": done.returncode,
                "stdout": _text(done.stdout, job),
                "stderr": _text(done.stderr, job),
            }
        except subprocess.TimeoutExpired:
            result = {"returncode": -9, "stdout": "", "stderr": "timed out"}
        except OSError as error:
            result = {"returncode": 127, "stdout": "", "stderr": str(error)}
        with open(path + ".tmp", "w") as file:
            json.dump(result, file)
        os.replace(path + ".tmp", path)


def _text(output: bytes, job: dict) -> str:  # type: ignore[type-arg]
    return output[-job["limit"] :].decode(errors="replace")


if __name__ == "__main__":
    main()
