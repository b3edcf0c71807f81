"""aivault run --allow openai/chat-completions -- python3 chat.py "Hello"

Nothing but the standard library, and an answer that is printed while it arrives.
"""

import json
import os
import sys
import urllib.request

body = {"model": os.environ.get("MODEL", "gpt-4.1-mini"), "stream": True,
        "messages": [{"role": "user", "content": " ".join(sys.argv[1:]) or "Hello"}]}
request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions", data=json.dumps(body).encode(),
    headers={"authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "content-type": "application/json"})
with urllib.request.urlopen(request, timeout=120) as answer:
    for line in answer:
        text = line.decode().strip().removeprefix("data: ")
        if not text or text == "[DONE]":
            continue
        for choice in json.loads(text)["choices"]:
            print(choice["delta"].get("content", ""), end="", flush=True)
print()
