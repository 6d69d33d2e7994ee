"""五级分类: the floor class by days past due (办法 2023, domain.md 4); a grace never changes it."""

FLOORS = ((360, "损失"), (270, "可疑"), (90, "次级"), (0, "关注"))


def risk_class(days_past_due: int) -> str:
    """Return the class of a loan that is some days past due: 正常 at 0, 关注 to 90, 次级 to 270, 可疑 to 360, else 损失."""
    return next((name for floor, name in FLOORS if days_past_due > floor), "正常")
