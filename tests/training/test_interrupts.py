"""Ctrl-C: the first asks, the second insists, and afterwards all is as before."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from training.interrupts import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request(number: int, capsys) -> None:
    stop = StopRequest()
    with stop.listening():
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
    assert "Finishing this step, then saving" in capsys.readouterr().err


def test_the_second_ctrl_c_interrupts_at_once() -> None:
    stop = StopRequest()
    with stop.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match="the last checkpoint stands"):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_are_given_back_whatever_happens() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]

    def fail() -> None:
        with StopRequest().listening():
            assert signal.getsignal(signal.SIGINT) != before[0]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_stopping_says_where_and_how_to_go_on() -> None:
    told = r"after grpo step 3; go on with run\.resume=true \(runs/x\)"
    with pytest.raises(KeyboardInterrupt, match=told):
        StopRequest().stop("grpo step 3", Path("runs/x"))


def test_outside_the_main_thread_signals_stay_as_they_are() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def listen() -> None:
        with StopRequest().listening():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [before]
