"""An explanation for a terminal: the formula with its numbers, and tables that add up."""

from __future__ import annotations

from worldgen.evaluate.inquiry.explanation import DownstreamAccount, Explanation, RootAccount, Sources
from worldgen.evaluate.inquiry.text_columns import aligned


def explanation_text(why: Explanation) -> str:
    """Returns the explanation as paragraphs: the formula before and after, the rows that moved, the sentences."""
    before = "before the edit, " if why.after else ""
    parts = [_account(before, why.object, why.before)]
    if why.after:
        parts += [_account("after it, ", why.object, why.after), _moved(why)]
    return "\n\n".join([*parts, *(_sentences(sources) for sources in why.sources)])


def _account(when: str, object_: str, account: RootAccount | DownstreamAccount) -> str:
    """Returns the formula of a credence; `when` says whether it is the credence before or after the edit."""
    if isinstance(account, RootAccount):
        return f"why: {when}{_root_formula(object_, account)}"
    return f"why: {when}{_sum_of_terms(object_, account)}"


def _root_formula(object_: str, account: RootAccount) -> str:
    a, K, count, total = account.prior, account.objects, account.count, account.total
    formula = f"({a:.6g} + {count:.6g}) / ({a:.6g} x {K} + {total:.6g})"
    return f"p({object_}) = (a + n) / (a K + N) = {formula} = {account.credence:.6f}"


def _sum_of_terms(object_: str, account: DownstreamAccount) -> str:
    up = account.upstream
    rows = [[up, "responsibility", f"p({up})", f"p({object_} | {up})", "product"]]
    for term in account.terms:
        numbers = (term.responsibility, term.credence, term.conditional, term.share)
        rows.append([term.object, *(f"{number:.6f}" for number in numbers)])
    rows.append([f"{account.rest_objects} others", "", f"{account.rest_credence:.6f}", "", f"{account.rest_share:.6f}"])
    rows.append(["sum", "", "", "", f"{account.marginal:.6f}"])
    is_all = account.formula == "marginal"
    head = f"{'p' if is_all else 'm'}({object_}) is the sum over {up} of p({up}) x p({object_} | {up})"
    more = f"  p({up}) is itself such a sum, over {account.upstream_depends_on}: ask for {up} to see it"
    told = [] if is_all else [_with_told(object_, account)]
    return "\n".join([head, *aligned(rows, "<>>>>"), *([more] if account.upstream_depends_on else []), *told])


def _with_told(object_: str, account: DownstreamAccount) -> str:
    kappa, m, count, total = account.kappa, account.marginal, account.count, account.total
    n = "e" if account.formula == "edits" else "n"
    formula = f"({kappa:.6g} x {m:.6f} + {count:.6g}) / ({kappa:.6g} + {total:.6g})"
    return f"p({object_}) = (kappa m + {n}) / (kappa + {n.upper()}) = {formula} = {account.credence:.6f}"


def _moved(why: Explanation) -> str:
    if not why.moved:
        return "no row moved that its marginal is made of" if why.upstream else "a root: no conditional could move"
    rows = [[str(why.upstream), "weight before", "after", f"p({why.object} | {why.upstream}) before", "after"]]
    for row in why.moved:
        weights = (f"{row.weight_before:.3f}", f"{row.weight_after:.3f}")
        rows.append([row.upstream_object, *weights, f"{row.before:.6f}", f"{row.after:.6f}"])
    return "\n".join(["rows of the conditional that moved:", *aligned(rows, "<>>>>")])


def _sentences(sources: Sources) -> str:
    head = f"the corpus on A = {sources.subject} | {sources.relation}, read {sources.readings} times"
    if sources.shared:
        too = ", and as observations of this fact" if sources.own else ""
        head += f" (counts {'' if too else 'only '}through the conditional that all subjects share{too})"
    head += ":"
    rows = [["sentence", "object", "mentions", "weight for", "against"]]
    for m in sources.mentions:
        rows.append([m.form, m.object, str(m.mentions), f"{m.weight_for:.2f}", f"{m.weight_against:.2f}"])
    for_it = sum(m.weight_for for m in sources.mentions)
    against_it = sum(m.weight_against for m in sources.mentions)
    mentions = sum(m.mentions for m in sources.mentions)
    rows.append(["all", "", str(mentions), f"{for_it:.2f}", f"{against_it:.2f}"])
    examples = [f"  e.g.  {text}" for text in sources.examples]
    return "\n".join([head, *aligned(rows, "<<>>>"), *examples])
