"""The sentences of the default brain, in each of its languages.

1. `{q}` is a piece of the question, other fields say what they hold. Where a sentence of its own does not say that this
   is a mock, one of `tags` does.
2. There are at least six openers, so that up to six choices of one request begin differently.
3. All languages stand here side by side, so that a new kind of sentence is written in each: hence the length.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language. `aspects` and `remarks` make long texts: `long` joins one of each."""

    nothing: str
    openers: tuple[str, ...]
    tags: tuple[str, ...]
    hints: tuple[str, ...]
    greetings: tuple[str, ...]
    who: str
    thanks: str
    sums: tuple[str, ...]
    by_zero: str
    file: str
    unnamed_file: str
    file_begins: str
    seen: str
    seen_bytes: str
    results: str
    result: str
    no_text: str
    search: str
    code: str
    list: str
    table: str
    columns: tuple[str, str]
    goes_on: tuple[str, ...]
    thoughts: tuple[str, ...]
    aspects: tuple[str, ...]
    remarks: tuple[str, ...]
    long: tuple[str, ...]
    space: str = ""


ZH = Phrases(
    nothing="这个请求",
    openers=(
        "关于“{q}”，可以这样看。",
        "你问的是“{q}”，先说要点。",
        "“{q}”这个问题，可以分两步来想。",
        "就“{q}”来说，简单讲几句。",
        "先回到你的问题：“{q}”。",
        "说到“{q}”，有几点值得留意。",
    ),
    tags=(
        "这里是本地 mock，内容只供联调。",
        "（以上由本地 mock 生成，不是真正的模型。）",
        "本地 mock 只能答到这里，换成真正的接口会有实质内容。",
    ),
    hints=(
        "先确认前提，再看细节，通常最省时间。",
        "把它拆成小步，每一步都可以单独验证。",
        "条件一变，结论也要跟着调整。",
        "最好拿一个具体的例子来检验。",
        "关键在于先想清楚要的是什么结果。",
        "常见的做法有几种，各有取舍。",
    ),
    greetings=(
        "你好！我是本地的 mock，接口和规则都照真的来，有什么想试的请直接说。",
        "您好，这里是本地 mock，随时可以开始测试。",
        "嗨，我是本地 mock。想问什么，或者想试哪个接口？",
    ),
    who="我是运行在你电脑上的 mock，代替真正的 Kimi 接口回答，方便你离线开发和调试。",
    thanks="不客气！本地 mock 随时都在，需要时再叫我。",
    sums=(
        "{sum} 等于 {result}。",
        "结果是 {result}：{sum} = {result}。",
        "{sum} = {result}。",
        "算出来是 {result}，也就是 {sum} = {result}。",
        "答案：{sum} 等于 {result}。",
    ),
    by_zero="{sum} 没有结果：除数不能为零。",
    file="我看到了文件《{name}》。",
    unnamed_file="我看到了你给的资料。",
    file_begins="它以“{line}”开头。",
    seen="收到{kind}，没有随请求带来内容。",
    seen_bytes="收到一份 {kind}，大小 {size} 字节。",
    results="工具给出的结果如下：",
    result="- {name}：{text}",
    no_text="（没有内容）",
    search="根据联网搜索的结果，关于“{q}”的说法大体一致。",
    code="下面是“{q}”的一个示例：",
    list="关于“{q}”，要点如下：",
    table="关于“{q}”，整理成表格如下：",
    columns=("方面", "说明"),
    goes_on=("接下来的内容由本地 mock 续写，", "这后面由本地 mock 接着写，", "本地 mock 从这里往下写，"),
    thoughts=(
        "用户想知道“{q}”。",
        "先判断问题属于哪一类，再决定怎样回答。",
        "应该用中文，简短而清楚。",
        "有没有隐含的条件？看起来没有。",
        "如果展开得太多，反而会掩盖重点。",
        "可以先给结论，再补充理由。",
        "再检查一遍，确认没有答非所问。",
        "换一个角度想，结论也站得住。",
        "那么就按这个思路来写。",
    ),
    aspects=("背景", "目标", "方法", "步骤", "数据", "风险", "成本", "时间", "人员", "工具", "结果", "影响"),
    remarks=(
        "需要先弄清楚现有的条件，再决定往哪个方向走",
        "往往比想象中复杂，值得多留一些余地",
        "可以从一个小例子入手，逐步推广到一般情形",
        "最好写成书面的约定，免得以后各说各话",
        "应当定期回顾，发现偏差就及时修正",
        "不妨听一听不同的意见，再作取舍",
        "与其追求一次到位，不如先做出能用的版本",
        "要分清哪些是事实，哪些只是推测",
        "决定了整件事情的节奏，不能放到最后才考虑",
        "可以参考以往的经验，但不要照搬",
        "只有量化之后，讨论才有意义",
        "看似细枝末节，却常常影响最终的质量",
    ),
    long=("谈到{aspect}，{remark}。", "再看{aspect}：{remark}。", "就{aspect}而言，{remark}。"),
)

EN = Phrases(
    nothing="this request",
    openers=(
        "About “{q}”: here is a short answer.",
        "You asked “{q}”, so let me start with the main point.",
        "“{q}” can be taken in two steps.",
        "Let me say a few words on “{q}”.",
        "Back to your question, “{q}”.",
        "There are a few things to keep in mind about “{q}”.",
    ),
    tags=(
        "This is a local mock, so take it as sample text.",
        "(Written by a local mock, not by the real model.)",
        "A local mock can say no more than this; the real API will have the substance.",
    ),
    hints=(
        "Checking the premises before the details usually saves time.",
        "Splitting it into small steps lets you verify each of them.",
        "If the conditions change, the conclusion has to change too.",
        "A concrete example is the best test.",
        "It helps to be clear about the result you want first.",
        "There are several common ways, each with its own price.",
    ),
    greetings=(
        "Hello! I am a local mock of the API; ask away, or try any of its features.",
        "Hi there, this is your local mock, ready for tests.",
        "Hello, local mock speaking. What would you like to try?",
    ),
    who="I am a mock that runs on your machine and answers in place of the real Kimi API.",
    thanks="You are welcome! This local mock is here whenever you need it.",
    sums=(
        "{sum} equals {result}.",
        "The result is {result}: {sum} = {result}.",
        "{sum} = {result}.",
        "That makes {result}, since {sum} = {result}.",
        "Answer: {sum} is {result}.",
    ),
    by_zero="{sum} has no result: nothing can be divided by zero.",
    file="I see the file “{name}”.",
    unnamed_file="I see the document you gave me.",
    file_begins="It begins with “{line}”.",
    seen="I received the {kind}, by reference only.",
    seen_bytes="I received a file of type {kind}, {size} bytes.",
    results="Here is what the tools returned:",
    result="- {name}: {text}",
    no_text="(nothing)",
    search="According to the web search, sources on “{q}” largely agree.",
    code="Here is an example for “{q}”:",
    list="The main points on “{q}”:",
    table="“{q}” as a table:",
    columns=("Aspect", "Note"),
    goes_on=(
        "the local mock carries on from here: ",
        "and here the local mock takes over: ",
        "continued by the local mock: ",
    ),
    thoughts=(
        "The user wants to know “{q}”.",
        "First I should see what kind of question this is.",
        "The answer should be in English, short and clear.",
        "Are there hidden conditions? It does not look like it.",
        "Too much detail would hide the point.",
        "I can give the conclusion first and the reasons after it.",
        "Let me check that this answers what was asked.",
        "Seen from another side, the conclusion still holds.",
        "So I will write it along these lines.",
    ),
    aspects=(
        "the background",
        "the goal",
        "the method",
        "the order of steps",
        "the data",
        "the risk",
        "the cost",
        "the schedule",
        "the team",
        "the tooling",
        "the outcome",
        "the wider effect",
    ),
    remarks=(
        "it pays to learn what is already there before choosing a direction",
        "things tend to be harder than they look, so leave some room",
        "one can start from a small example and generalise step by step",
        "a written agreement avoids arguments later on",
        "regular reviews catch drift while it is still cheap to correct",
        "it is worth hearing other opinions before deciding",
        "a version that works today beats a perfect one that never comes",
        "facts and guesses should be kept apart",
        "it sets the pace of everything else and cannot be left to the end",
        "past experience is a guide and not a recipe",
        "only what is measured can be discussed usefully",
        "what seems a detail often decides the final quality",
    ),
    long=("As for {aspect}, {remark}.", "When it comes to {aspect}, {remark}.", "Regarding {aspect}, {remark}."),
    space=" ",
)

JA = Phrases(
    nothing="このリクエスト",
    openers=(
        "「{q}」について、要点からお答えします。",
        "ご質問は「{q}」ですね。",
        "「{q}」は二段階に分けて考えられます。",
        "「{q}」について簡単に述べます。",
        "まず「{q}」という問いに戻りましょう。",
        "「{q}」には注意すべき点がいくつかあります。",
    ),
    tags=(
        "これはローカルの mock による文章です。",
        "（ローカルの mock が生成したもので、本物のモデルではありません。）",
        "ローカルの mock が答えられるのはここまでです。",
    ),
    hints=(
        "前提を確かめてから細部を見ると、時間の節約になります。",
        "小さな手順に分ければ、それぞれを検証できます。",
        "条件が変われば、結論も変わります。",
        "具体的な例で確かめるのが一番です。",
        "まず、どんな結果が欲しいのかをはっきりさせましょう。",
        "よくある方法はいくつかあり、それぞれに長所と短所があります。",
    ),
    greetings=(
        "こんにちは！ローカルの mock です。何でも試してみてください。",
        "こんにちは、こちらはローカルの mock です。いつでもテストを始められます。",
        "どうも、ローカルの mock です。何を試しましょうか。",
    ),
    who="私はお使いのマシンで動く mock で、本物の Kimi API の代わりに答えています。",
    thanks="どういたしまして。ローカルの mock はいつでもここにいます。",
    sums=(
        "{sum} は {result} です。",
        "答えは {result}、つまり {sum} = {result} です。",
        "{sum} = {result} です。",
        "計算すると {result} になります（{sum}）。",
        "結果：{sum} は {result} です。",
    ),
    by_zero="{sum} は計算できません。ゼロで割ることはできないためです。",
    file="ファイル「{name}」を確認しました。",
    unnamed_file="いただいた資料を確認しました。",
    file_begins="「{line}」から始まっています。",
    seen="{kind} を参照として受け取りました。",
    seen_bytes="{kind} を受け取りました。大きさは {size} バイトです。",
    results="ツールの結果は次のとおりです。",
    result="- {name}：{text}",
    no_text="（内容なし）",
    search="ウェブ検索の結果によると、「{q}」についての見解はおおむね一致しています。",
    code="「{q}」の例を示します。",
    list="「{q}」の要点は次のとおりです。",
    table="「{q}」を表にまとめます。",
    columns=("項目", "説明"),
    goes_on=(
        "ここから先はローカルの mock が続けます。",
        "続きはローカルの mock が書きます。",
        "ローカルの mock が続きを書きます。",
    ),
    thoughts=(
        "ユーザーは「{q}」について知りたいようだ。",
        "まず、どのような種類の質問かを見極める。",
        "日本語で、短く明確に答えるべきだ。",
        "隠れた条件はあるだろうか。なさそうだ。",
        "詳しすぎると要点が隠れてしまう。",
        "結論を先に、理由を後に述べよう。",
        "質問に答えているか、もう一度確かめる。",
        "別の角度から見ても、結論は変わらない。",
        "では、この方針で書こう。",
    ),
    aspects=("背景", "目的", "方法", "手順", "データ", "リスク", "費用", "日程", "担当者", "道具", "結果", "影響"),
    remarks=(
        "まず今ある条件を把握してから方向を決めるべきです",
        "思ったより複雑なことが多く、余裕を持つのが賢明です",
        "小さな例から始めて、少しずつ一般化できます",
        "書面で合意しておくと、後の食い違いを防げます",
        "定期的に見直し、ずれがあれば早めに直します",
        "決める前に異なる意見を聞く価値があります",
        "完璧を待つより、まず動くものを作るほうがよいでしょう",
        "事実と推測を分けておく必要があります",
        "全体の進み具合を左右するので、後回しにはできません",
        "過去の経験は参考になりますが、そのまま写すべきではありません",
        "数値にして初めて、意味のある議論ができます",
        "細かい点に見えて、最終的な品質を左右します",
    ),
    long=("{aspect}については、{remark}。", "次に{aspect}ですが、{remark}。", "{aspect}という点では、{remark}。"),
)

KO = Phrases(
    nothing="이 요청",
    openers=(
        "“{q}”에 대해 요점부터 말씀드리겠습니다.",
        "질문은 “{q}”이군요.",
        "“{q}”은(는) 두 단계로 나누어 볼 수 있습니다.",
        "“{q}”에 대해 간단히 답하겠습니다.",
        "먼저 “{q}”라는 질문으로 돌아가 봅시다.",
        "“{q}”에는 유의할 점이 몇 가지 있습니다.",
    ),
    tags=(
        "이 글은 로컬 mock이 작성했습니다.",
        "(실제 모델이 아니라 로컬 mock의 답변입니다.)",
        "로컬 mock이 답할 수 있는 것은 여기까지입니다.",
    ),
    hints=(
        "전제를 먼저 확인하면 시간을 아낄 수 있습니다.",
        "작은 단계로 나누면 하나씩 검증할 수 있습니다.",
        "조건이 바뀌면 결론도 바뀝니다.",
        "구체적인 예로 확인하는 것이 가장 좋습니다.",
        "먼저 원하는 결과를 분명히 하는 것이 중요합니다.",
        "흔한 방법이 몇 가지 있고 각각 장단점이 있습니다.",
    ),
    greetings=(
        "안녕하세요! 로컬 mock입니다. 무엇이든 시험해 보세요.",
        "안녕하세요, 로컬 mock이 준비되어 있습니다.",
        "반갑습니다, 로컬 mock입니다. 무엇을 시험해 볼까요?",
    ),
    who="저는 사용자의 컴퓨터에서 실행되는 mock으로, 실제 Kimi API를 대신해 답합니다.",
    thanks="천만에요! 로컬 mock은 언제나 여기에 있습니다.",
    sums=(
        "{sum} 값은 {result}입니다.",
        "결과는 {result}입니다: {sum} = {result}.",
        "{sum} = {result}입니다.",
        "계산하면 {result}이(가) 됩니다 ({sum}).",
        "답: {sum} = {result}.",
    ),
    by_zero="{sum}은(는) 계산할 수 없습니다. 0으로 나눌 수 없기 때문입니다.",
    file="파일 “{name}”을(를) 확인했습니다.",
    unnamed_file="주신 자료를 확인했습니다.",
    file_begins="“{line}”(으)로 시작합니다.",
    seen="{kind}을(를) 참조로 받았습니다.",
    seen_bytes="{kind} 파일을 받았습니다. 크기는 {size}바이트입니다.",
    results="도구의 결과는 다음과 같습니다.",
    result="- {name}: {text}",
    no_text="(내용 없음)",
    search="웹 검색 결과에 따르면 “{q}”에 대한 설명은 대체로 일치합니다.",
    code="“{q}”의 예시입니다.",
    list="“{q}”의 요점은 다음과 같습니다.",
    table="“{q}”을(를) 표로 정리했습니다.",
    columns=("항목", "설명"),
    goes_on=(
        "여기서부터는 로컬 mock이 이어 갑니다. ",
        "이어지는 내용은 로컬 mock이 씁니다. ",
        "로컬 mock이 계속 씁니다. ",
    ),
    thoughts=(
        "사용자는 “{q}”에 대해 알고 싶어 한다.",
        "먼저 어떤 종류의 질문인지 판단하자.",
        "한국어로 짧고 분명하게 답해야 한다.",
        "숨은 조건이 있을까? 없어 보인다.",
        "너무 자세하면 요점이 가려진다.",
        "결론을 먼저, 이유를 나중에 말하자.",
        "질문에 맞는 답인지 다시 확인하자.",
        "다른 각도에서 보아도 결론은 같다.",
        "그러면 이 방향으로 쓰자.",
    ),
    aspects=("배경", "목표", "방법", "순서", "데이터", "위험", "비용", "일정", "인력", "도구", "결과", "영향"),
    remarks=(
        "현재의 조건을 먼저 파악하고 방향을 정해야 합니다",
        "생각보다 복잡한 경우가 많으니 여유를 두는 것이 좋습니다",
        "작은 예에서 시작해 조금씩 일반화할 수 있습니다",
        "문서로 합의해 두면 나중의 혼란을 막을 수 있습니다",
        "정기적으로 검토하고 어긋나면 바로 고칩니다",
        "결정하기 전에 다른 의견을 들어 볼 만합니다",
        "완벽을 기다리기보다 먼저 작동하는 것을 만드는 편이 낫습니다",
        "사실과 추측을 구분해야 합니다",
        "전체의 속도를 좌우하므로 뒤로 미룰 수 없습니다",
        "과거의 경험은 참고하되 그대로 따라 하지는 않습니다",
        "수치로 나타내야 의미 있는 논의가 됩니다",
        "사소해 보여도 최종 품질을 좌우합니다",
    ),
    long=(
        "{aspect}에 관해서는 {remark}.",
        "다음으로 {aspect}을(를) 보면, {remark}.",
        "{aspect}의 측면에서는 {remark}.",
    ),
    space=" ",
)

PHRASES = {"zh": ZH, "en": EN, "ja": JA, "ko": KO}
