"""What `moonpalace demo` says, in English and in Chinese. Places in braces are filled in by `cli.demo`."""

from __future__ import annotations

Words = dict[str, str]

EN: Words = {
    "title": "MoonPalace demo",
    "about": "A program on the OpenAI SDK, the proxy, and a mock of the Kimi API: all on this "
    "machine, without network and without a key.",
    "program": "program",
    "proxy": "proxy",
    "mock": "mock of the Kimi API",
    "record": "record",
    "plain": "A question",
    "stream": "The next one, streamed",
    "tool": "A tool call, and its result",
    "file": "A question about a file",
    "busy": "Too many requests: 429",
    "cut": "A stream that breaks off",
    "empty": "A request that the API refuses",
    "nothing": '"" (an empty message)',
    "usage": "200, {prompt} + {answer} tokens, {took} s",
    "streamed": "200, first words after {first} s, {chunks} chunks in {took} s",
    "uploaded": "{file} uploaded ({bytes} bytes); its text goes along with the question",
    "retried": "429 first; the SDK waited as Retry-After says, and asked again: {took} s",
    "cut_note": 'all that the program learns: "{error}"',
    "refused": '{status} {type}: "{message}"',
    "listed": "What the proxy has recorded",
    "list_note": "Ids are cut to fit 80 columns. Of question 5 the program saw one answer; there\nwere two.",
    "inspected": "What became of the stream",
    "inspect_note": "All that came is kept: {chunks} chunks, {bytes} bytes, {took} s; then the reset.",
    "next": "And now",
    "next_start": "record your own program: port 9988",
    "next_run": "record one program that reads OPENAI_BASE_URL",
    "next_mock": "this API, to develop against: port 9999",
    "next_keep": "this again, and the record kept to look around in",
    "kept": "The record is kept; look around in it with",
}

ZH: Words = {
    "title": "MoonPalace 演示",
    "about": "一个使用 OpenAI SDK 的程序、代理、模拟的 Kimi API：全部在本机，不联网，不用密钥。",
    "program": "程序",
    "proxy": "代理",
    "mock": "模拟的 Kimi API",
    "record": "记录",
    "plain": "提一个问题",
    "stream": "再问一个，流式输出",
    "tool": "调用工具，交回结果",
    "file": "就一个文件提问",
    "busy": "请求太多：429",
    "cut": "流在中途断开",
    "empty": "被 API 拒绝的请求",
    "nothing": '""（空消息）',
    "usage": "200，{prompt} + {answer} tokens，{took} 秒",
    "streamed": "200，{first} 秒后出现第一个字，{took} 秒内共 {chunks} 块",
    "uploaded": "上传了 {file}（{bytes} 字节），内容作为 system 消息一起发送",
    "retried": "先得到 429；SDK 按 Retry-After 等待后重试，共 {took} 秒",
    "cut_note": '程序只知道："{error}"',
    "refused": '{status} {type}: "{message}"',
    "listed": "代理记录了什么",
    "list_note": "id 已截短，以便放进 80 列。第 5 问程序只看见一个回答，其实有两次往来。",
    "inspected": "那个流怎么了",
    "inspect_note": "收到的都保留着：{took} 秒内 {chunks} 块，{bytes} 字节，然后连接被重置。",
    "next": "接下来",
    "next_start": "给自己的程序做记录：端口 9988",
    "next_run": "给一个读取 OPENAI_BASE_URL 的程序做记录",
    "next_mock": "这个 API，供开发时使用：端口 9999",
    "next_keep": "再演示一遍，并保留记录以便查看",
    "kept": "记录已保留，可以这样查看：",
}

WORDS = {"en": EN, "zh": ZH}
