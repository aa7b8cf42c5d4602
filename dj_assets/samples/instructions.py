"""Instruction data in the form of raw Alpaca-CoT: English from the grammar, Chinese from a small separate one."""

from __future__ import annotations

from dj_assets.samples.grammar import Dice, Grammar

Record = dict[str, object]
_ASKED = (
    "Explain how {NP} can {verb} {NP}.",
    "Write a short text about {NP} {PP}.",
    "What is the difference between {NP} and {NP}?",
    "Give three reasons why {NPP} {verb} {NP}.",
    "Summarise the following text in one sentence.",
    "List the advantages of {NP} for {NP}.",
)
_CHINESE = {
    "N": "图书馆 邮局 火车站 茶馆 书店 学校 医院 公园 菜市场 博物馆 工厂 码头 果园 车站 剧院 实验室".split(),
    "P": "老师 医生 司机 农民 工程师 学生 记者 画家 厨师 木匠 护士 邻居 店主 渔夫 诗人 律师".split(),
    "A": "安静 热闹 古老 明亮 宽敞 干净 温暖 简单 有趣 遥远 神秘 漂亮 普通 特别".split(),
    "T": "清晨 傍晚 周末 春天 去年夏天 下雨的时候 假期里 每个月初 半夜 中午".split(),
    "O": "一封信 几本旧书 新鲜的水果 一张地图 两把雨伞 一台收音机 一篮鸡蛋 一幅画 一把钥匙 半斤茶叶 三张车票".split(),
    "V": "整理 寻找 修理 介绍 购买 搬运 分享 记录 检查 描写".split(),
    "R": "因为天气很好 为了节省时间 由于人手不够 虽然路很远 如果没有别的安排 既然已经约好了".split(),
    "S": [
        "{T},{P}在{N}门口{V}{O}。",
        "{R},{P}决定先去{N},再回家{V}{O}。",
        "那座{A}的{N}里有很多{P},他们正在{V}{O}。",
        "{P}说,{N}比以前更加{A}了。",
        "要{V}{O},最好先问一问{N}里的{P}。",
        "第一步是{V}{O},第二步是联系{P},最后到{N}确认结果。",
        "我认为{A}的{N}对{P}来说非常重要。",
    ],
    "Q": [
        "请解释{P}怎样{V}{O}。",
        "写一段关于{A}的{N}的短文。",
        "{N}和{N}有什么不同?",
        "列出{P}{T}去{N}的三个理由。",
        "把下面的句子改写得更加{A}。",
        "如何在{N}{V}{O}?",
    ],
}


def english(dice: Dice) -> Record:
    """Return one English record; one in three has an input."""
    g = Grammar.of(dice.pick(("web", "tech", "medicine", "encyclopedia")), dice)
    asked = dice.pick(_ASKED)
    given = g.sentences(1, 3) if "following" in asked or dice.chance(0.2) else ""
    return _record(g.title(asked), given, g.sentences(2, 6))


def chinese(dice: Dice) -> Record:
    """Return one Chinese record; one in three has an input."""
    g = Grammar({name: list(options) for name, options in _CHINESE.items()}, dice)
    asked = g.expand("{Q}")
    given = g.expand("{S}") if "下面" in asked or dice.chance(0.2) else ""
    answer = "".join(g.expand("{S}") for _ in range(dice.between(3, 7)))
    return _record(asked, given, answer)


def translation(dice: Dice) -> Record:
    """Return an English task about a Chinese sentence, which counts as English."""
    g = Grammar.of("encyclopedia", dice)
    word = dice.pick(_CHINESE["N"])
    return _record(f"What does the Chinese word {word} mean?", "", f"It means {g.expand('{NP}')}. {g.sentences(2, 3)}")


def _record(instruction: str, given: str, output: str) -> Record:
    return {"instruction": instruction, "input": given, "output": output}
