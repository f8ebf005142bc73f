"""The stop button answers within a second, wherever the time goes, and nothing is broken afterwards."""

import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

import supertoy as st
from supertoy._util.threads import in_threads, stop_if_told, stopping
from supertoy.chapters.computation import HiddenBiasModel
from supertoy.research.descent import minimize

pytestmark = pytest.mark.usefixtures("interruptible")

LARGE = st.Independent(400, torch.full((8, 1), 0.1))


def exact_loss():
    st.expected_loss(st.ReLUOutputModel(8, 400, 30), LARGE, rtol=1e-12)


def sampled_loss():
    st.expected_loss(st.ReLUHiddenModel(8, 400, 30), LARGE, rtol=1e-7)


def training():
    st.train(st.ReLUOutputModel(8, 400, 30), LARGE, n_steps=10**6, n_restarts=1)


def training_by_autograd():
    st.train(HiddenBiasModel(8, 400, 30), LARGE, n_steps=10**6, n_restarts=1)


def descent():
    place = torch.zeros(2, 3)
    minimize(lambda x, weight: place.square().sum(1), [place], st.Independent(3, 0.5), n_steps=10**7)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("work", [exact_loss, sampled_loss, training, training_by_autograd, descent])
def test_an_interrupt_ends_the_work_within_a_second(work, n_threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    pressed = []

    def press():
        pressed.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    alarm = threading.Timer(0.5, press)
    alarm.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - pressed[0] < 1
    alarm.join()
    assert not any(thread.name.startswith("ThreadPool") for thread in threading.enumerate())
    monkeypatch.undo()
    assert torch.isfinite(st.expected_loss(st.ReLUOutputModel(1, 5, 2), st.Independent(5, 0.1))).all()


def test_the_first_descent_imports_nothing_that_an_interrupt_could_break():
    script = """
        import sys, torch, supertoy as st
        from supertoy.research.descent import minimize
        from supertoy.chapters.computation import HiddenBiasModel
        place = torch.zeros(2, 3)
        minimize(lambda x, weight: place.square().sum(1), [place], st.Independent(3, 0.5), n_steps=2)
        st.train(HiddenBiasModel(1, 5, 2), st.Independent(5, 0.1), n_steps=2)
        assert "torch._dynamo" not in sys.modules, "it takes seconds to import"
    """
    subprocess.run([sys.executable, "-c", "\n".join(line.strip() for line in script.splitlines())], check=True)


def test_the_first_error_in_order_is_raised_and_the_others_are_told(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    told = []

    def waiting():
        for _ in range(500):
            time.sleep(0.01)
            if stopping():
                told.append(True)
            stop_if_told()
        return 1

    def failing():
        time.sleep(0.05)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_threads([waiting, failing])
    assert told
    assert not stopping()
