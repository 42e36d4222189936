"""A chat server on loopback, which answers, refuses and fails as those of OpenAI's interface do."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.generation.loopback import KEY, Answering

PLACES = ("meadow", "street", "kitchen", "river", "forest", "beach", "garden", "harbour", "hill")
ACTIONS = ("sleeping", "jumping", "waiting", "turning away", "facing us", "moving fast", "resting")
VIEWS = ("from above", "from below", "through a window", "from far away", "up close")


class ChatServer(Answering):
    """``/v1/chat/completions``; ``state.refuses`` says what it does in place of an answer."""

    def do_POST(self) -> None:  # noqa: N802 - as the standard library calls it
        state, body = self.state, self.body()
        with state.lock:
            state.asked.append(body)
            fault = state.faults.pop(0) if state.faults else state.always
            number, state.made = state.made, state.made + 1
        if state.hangs:
            time.sleep(30)
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            given = self.headers.get("Authorization", "")[7:]
            self.error(401, f"Incorrect API key provided: {given}.")
        elif fault is not None:
            self.error(fault, "Rate limit reached for requests.")
        elif self.path != "/v1/chat/completions" or body["model"] != "tiny":
            self.error(404, f"The model {body['model']} does not exist.")
        else:
            self.answer(body, number)

    def error(self, status: int, message: str) -> None:
        about = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        self.send(status, {"error": about}, **({"Retry_After": "0"} if status == 429 else {}))

    def answer(self, body: Any, number: int) -> None:  # noqa: C901 - a line for each manner
        manner = self.state.refuses or "well"
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        if manner == "refusal":
            message["refusal"] = "I'm sorry, I can't help with that."
        elif manner == "garbage":
            message["content"] = "Sure! Here are some ideas: 1. a frog"
        elif manner == "other JSON":
            message["content"] = '{"ideas": []}'
        elif manner == "no completion":
            return self.send(200, {"object": "list", "data": []})
        elif number == 0 and manner == "midway":
            return self.broken_off()
        else:
            texts = written(body, number, few=manner == "too few")
            if manner == "runs dry" and name_in(body) == "frog":
                texts = texts[:4] if number == 1 else []
            if manner == "mixed":
                texts = [*faulty(body), *texts]
            message["content"] = json.dumps({"prompts": texts})
            if manner == "fenced":
                message["content"] = f"```json\n{message['content']}\n```"
            if manner == "thinking":
                thoughts = '<think>Perhaps {"a": 1}?</think>'
                message["content"] = f"{thoughts}\n```json\n{message['content']}\n```\nDone."
            if number == 0 and manner == "cut":
                message["content"] = message["content"][:200]
                choice = {"index": 0, "message": message, "finish_reason": "length"}
                return self.send(200, {"object": "chat.completion", "choices": [choice]})
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self.send(200, {"object": "chat.completion", "choices": [choice]})

    def broken_off(self) -> None:
        """Say that more will come, and hang up."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')
        self.close_connection = True


def name_in(body: Any) -> str:
    """The class that is asked for."""
    return str(body["messages"][1]["content"]).split("the class '")[1].split("'")[0]


def written(body: Any, number: int, *, few: bool) -> list[str]:
    """Different sentences on the class that was asked for."""
    name, count = name_in(body), 1 if few else 50
    every = [
        f"A {name} {action} near the {place}, seen {view}"
        for view in VIEWS
        for place in PLACES
        for action in ACTIONS
    ]
    return [every[(number * 53 + 37 * n) % len(every)] for n in range(count)]


def faulty(body: Any) -> list[str]:
    """One prompt for each reason to drop one."""
    name = name_in(body)
    return [
        "A small animal on a leaf in the morning",
        f"I'm sorry, but I can't describe a {name} for you.",
        f"Ein {name} auf dem Blatt mit Tau und im Wind",
        f"A {name} " + "in the very long shade of the tall old trees by the quiet river " * 8,
        f"A {name} jumping near the meadow, seen from above",
        f"A {name} jumping near the meadow, seen from above.",
        "",
    ]
