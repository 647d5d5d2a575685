"""The command line: `sanyou …`. Each command says what it does, shows progress and ends with a clear line."""

import json
import os
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(
    help="Sanyou 三优：免费孕前优生健康检查与出生缺陷三级预防",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold personal data
)
policy_app = typer.Typer(help="政策文件", no_args_is_help=True)
audit_app = typer.Typer(help="审计日志", no_args_is_help=True)
keys_app = typer.Typer(help="加密密钥", no_args_is_help=True)
app.add_typer(policy_app, name="policy")
app.add_typer(audit_app, name="audit")
app.add_typer(keys_app, name="keys")

out = Console()
err = Console(stderr=True)

Home = Annotated[Path | None, typer.Option(help="数据目录（默认 SANYOU_HOME 或 ./var）")]


def _stop(message: str, code: int = 1) -> None:
    err.print(f"[bold red]✗[/] {message}")
    raise typer.Exit(code)


def _django(home: Path | None = None) -> None:
    if home is not None:
        os.environ["SANYOU_HOME"] = str(home.resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sanyou.settings")
    import django

    django.setup()


def _library() -> Any:
    from sanyou.environment import content_roots
    from sanyou.protocol.errors import ContentErrors
    from sanyou.protocol.library import Library

    try:
        return Library.load(None, *content_roots())
    except ContentErrors as e:
        for error in e.errors:
            typer.echo(str(error), err=True)
        _stop(f"内容有 {len(e.errors)} 处错误，请按上面的文件和行号修改。")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        _stop(f"日期“{text}”无法识别，请写成 2021-03-01 的形式。", 2)
        raise


def _today() -> date:
    """Today in the country's one time zone, whatever the machine's clock is set to."""
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


@app.command()
def check() -> None:
    """检查全部内容：严格读入，运行每个样例。"""
    library = _library()
    report = library.check()
    for line in [*report.failures, *report.missing]:
        typer.echo(str(line), err=True)
    if report.failures or report.missing:
        _stop(f"{len(report.failures)} 个样例不符，{len(report.missing)} 处缺少样例。")
    out.print(f"[green]✓[/] 内容无误，{report.cases} 个样例全部相符。")


@policy_app.command("list")
def policy_list() -> None:
    """列出政策文件。"""
    table = Table("编号", "文号", "名称", "施行", "失效")
    for p in sorted(_library().policies.values(), key=lambda p: p.id):
        table.add_row(p.id, p.document_number, str(p.label), str(p.starts), str(p.ends or ""))
    out.print(table)


@policy_app.command("show")
def policy_show(
    policy: str, as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False
) -> None:
    """逐条列出一份政策及其实现情况。"""
    library = _library()
    if policy not in library.policies:
        _stop(f"没有政策“{policy}”。可用：{'、'.join(sorted(library.policies))}", 2)
    found = library.policies[policy]
    clauses = [
        {"ref": c.ref, "text": str(c.text), "status": c.status, "by": list(c.by)}
        | ({"reason": str(c.reason)} if c.reason else {})
        for c in found.clauses
    ]
    if as_json:
        sys.stdout.write(json.dumps({"clauses": clauses}, ensure_ascii=False, indent=1) + "\n")
        return
    words = {"implemented": "已实现", "exhortation": "倡导性", "open": "未实现"}
    table = Table(
        "条款", "内容", "状态", "由什么实现", title=f"{found.document_number} {found.label}"
    )
    for c in clauses:
        by = "、".join(c["by"]) or str(c.get("reason", ""))
        table.add_row(c["ref"], c["text"], words[c["status"]], by)
    out.print(table)


def _migrate() -> None:
    from django.core.management import call_command

    from sanyou.registry import regions

    call_command("migrate", verbosity=0)
    regions.load()


@app.command()
def migrate(home: Home = None) -> None:
    """建立或升级数据库，并载入全国区划。"""
    _django(home)
    _migrate()
    out.print("[green]✓[/] 数据库已是最新，区划已载入。")


@app.command()
def month(
    policy: Annotated[str, typer.Option(help="政策编号，见 `sanyou policy list`")],
    roster: Annotated[Path, typer.Option(help="花名册 xlsx", exists=True, dir_okay=False)],
    stations: Annotated[Path, typer.Option(help="检查站记录 xlsx", exists=True, dir_okay=False)],
    lab: Annotated[Path, typer.Option(help="检验结果 HL7", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("--out", help="结果目录", file_okay=False)],
    on: Annotated[
        str | None, typer.Option(help="审核日期 YYYY-MM-DD（默认取花名册填报日期）")
    ] = None,
) -> None:
    """从文件办完一个月：登记、审核、检查、评估、告知书、随访、月报、结算。可重复运行。"""
    day = _day(on)
    library = _library()
    if policy not in library.policies or library.policies[policy].stub:
        _stop(f"没有可用的政策“{policy}”。请用 `sanyou policy list` 查看。", 2)
    output.mkdir(parents=True, exist_ok=True)
    os.environ.pop("SANYOU_DATABASE_URL", None)  # always the embedded database beside the results
    _django(output / ".sanyou")
    _migrate()
    from sanyou.exchange import month as run_month
    from sanyou.exchange.errors import FileProblem

    try:
        summary = run_month.run(policy, roster, stations, lab, output, on=day, console=err)
    except FileProblem as problem:
        _stop(str(problem), 2)
        raise
    out.print(f"[green]✓[/] 完成。检查 {summary['attendance']['examined']} 对，结果在 {output}")


District = Annotated[list[str] | None, typer.Option(help="区县编号，可重复")]


def _chosen_districts(given: list[str] | None, usual: int | None) -> list[str]:
    """The districts asked for; without any the first `usual` of those whose policy is there."""
    from sanyou.synth import district

    available = district.available(_today())
    unknown = [d for d in given or [] if d not in available]
    if unknown:
        _stop(f"没有区县“{'、'.join(unknown)}”。可用：{'、'.join(available)}", 2)
    # In the order of the list: couples who moved come after the district they left.
    return [d for d in available if d in given] if given else available[:usual]


@app.command()
def synth(
    couples: Annotated[int, typer.Option(help="每个区县的夫妇对数", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="随机种子：相同的种子得到相同的人口")] = 7,
    until: Annotated[str | None, typer.Option(help="历史截止日期（默认今天）")] = None,
    district: District = None,
    home: Home = None,
) -> None:
    """按已发表的流行率生成虚构人口和一年的历史（默认第一个区县）。"""
    _django(home)
    _migrate()
    from sanyou.synth import district as synthetic

    day = _day(until) or _today()
    for one in _chosen_districts(district, 1):
        result = synthetic.build(one, couples=couples, seed=seed, until=day, console=err)
        out.print(f"[green]✓[/] {one}：{result.couples} 份档案，{result.encounters} 份记录。")


@app.command()
def demo(
    serve: Annotated[bool, typer.Option(help="建好后启动网页服务")] = True,
    couples: Annotated[int, typer.Option(help="每个区县的夫妇对数", min=1)] = 30,
    seed: Annotated[int, typer.Option(help="随机种子")] = 7,
    port: Annotated[int, typer.Option(help="端口")] = 8000,
    district: District = None,
    home: Home = None,
) -> None:
    """建立演示区县（默认全部五个）并在浏览器中打开。所有人员均为虚构。"""
    os.environ.pop("SANYOU_DATABASE_URL", None)
    os.environ["SANYOU_DEMO"] = "1"
    _django(home)
    _migrate()
    from sanyou.care.models import Episode
    from sanyou.synth import district as synthetic

    invented = Episode.objects.filter(source__startswith="synth:")
    if Episode.objects.exists() and not invented.exists():
        _stop("这个数据目录里有实际业务数据，不能混入演示数据。请用 --home 指定另一个目录。", 2)
    chosen, today = _chosen_districts(district, None), _today()
    for one in chosen:
        synthetic.build(one, couples=couples, seed=seed, until=today, console=err)
    synthetic.build_above(chosen)
    _print_logins(synthetic.logins())
    if serve:
        out.print(f"请在浏览器打开 [bold]http://127.0.0.1:{port}/[/]  （按 Ctrl+C 停止）")
        _serve("127.0.0.1", port)
    else:
        out.print("演示区县已建好。运行 `uv run sanyou demo` 启动。")


def _print_logins(logins: list[Any]) -> None:
    """The duties' user names; every district puts its own prefix before them."""
    prefixes = {login.place: login.prefix for login in logins if login.district}
    table = Table("岗位", "用户名", title="演示账号（仅供演示，勿用于真实数据）")
    seen = dict.fromkeys(
        (login.label, login.username.removeprefix(login.prefix))
        for login in logins
        if login.district
    )
    for label, username in seen:
        table.add_row(label, username)
    for login in logins:
        if not login.district:
            table.add_row(f"{login.label}（{login.place}）", login.username)
    out.print(table)
    out.print("各区县的用户名前面加：")
    for place, prefix in prefixes.items():
        out.print(f"  {place} {f'{prefix}（如 {prefix}dengji）' if prefix else '不加'}")
    if logins:
        out.print(f"密码都是 [bold]{logins[0].password}[/]，登录页上也可以直接选。")


TURN_SECONDS = 600  # how often it is looked whether a new day has begun


@app.command()
def daily(
    home: Home = None,
    stay: Annotated[bool, typer.Option(hidden=True, help="留下来，每天做一次")] = False,
) -> None:
    """到了新的一天：把随年龄、间隔变化的任务推到今天。网页服务运行时会自己做；可重复运行。"""
    _django(home)
    _need_database()
    from sanyou.care import daily as days

    while stay:  # beside the server
        if not days.is_done(_today()):
            days.turn(_today())
        time.sleep(TURN_SECONDS)
    from rich.progress import Progress

    with Progress(console=err) as bar:
        task = bar.add_task("推到今天", total=None)
        looked = days.turn(_today(), lambda n, of: bar.update(task, completed=n, total=of))
    out.print(f"[green]✓[/] 已看过 {looked} 份进行中的档案。")


def _serve(host: str, port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            _stop(f"端口 {port} 不能使用（可能已被占用），请用 --port 指定另一个。", 2)
    from granian import Granian
    from granian.constants import Interfaces

    # A process of its own: the server forks its workers, which threads would not survive.
    beside = subprocess.Popen([sys.executable, "-m", "sanyou", "daily", "--stay"])
    server = Granian(
        "sanyou.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=4,
        log_enabled=True,
        log_access=False,  # addresses are not logged
    )
    try:
        server.serve()
    finally:
        beside.terminate()


@app.command("serve")
def serve_command(
    host: Annotated[str, typer.Option(help="监听地址")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="端口")] = 8000,
    home: Home = None,
) -> None:
    """启动网页服务。"""
    _django(home)
    _serve(host, port)


def _need_database() -> None:
    """Stop with what to do where no database has been set up yet."""
    from django.db import connection

    if "trust_auditevent" not in connection.introspection.table_names():
        _stop("这里还没有数据库。请先运行 `sanyou migrate`，或用 --home 指定数据目录。", 2)


@app.command()
def token(
    username: Annotated[str, typer.Argument(help="用户名")],
    duty: Annotated[str, typer.Option(help="岗位编号，如 laboratory")],
    home: Home = None,
) -> None:
    """为一名人员的一个岗位签发接口令牌（90 天）。"""
    _django(home)
    _need_database()
    from sanyou.api.auth import make_token
    from sanyou.registry.access import Actor
    from sanyou.registry.models import DutyAssignment

    held = DutyAssignment.objects.filter(staff__username=username, duty=duty).first()
    if held is None:
        _stop(f"没有用户“{username}”，或其没有“{duty}”这个岗位。", 2)
        return
    sys.stdout.write(make_token(held, Actor.system("token")) + "\n")


@app.command()
def explain(
    couple: Annotated[str, typer.Argument(help="档案编号，或夫妇编号（网址中的那一串）")],
    on: Annotated[str | None, typer.Option(help="哪一天，如 2021-03-15（默认今天）")] = None,
    home: Home = None,
) -> None:
    """说明一对夫妇在某一天符不符合、免不免费，依据哪份文件哪一条。"""
    _django(home)
    _need_database()
    from django.utils import timezone

    from sanyou.care import explain as why
    from sanyou.registry.access import Actor

    found = why.find(couple)
    if found is None:
        _stop("没有找到这个档案编号或夫妇编号，请核对后重试。", 2)
        return
    day = _day(on) or timezone.localdate()
    told = why.explain(found, day, Actor.system("explain"))
    if not told:
        out.print(f"{day.isoformat()}：没有作出过判断，所在地区当日也没有有效的文件。")
    for each in told:
        sys.stdout.write(each.line + "\n")
        for clause in each.clauses:
            sys.stdout.write(f"    “{clause.ref}”　{clause.text}\n")


@app.command()
def versions(home: Home = None) -> None:
    """列出规则和政策的版本：谁签的、从哪一天起。"""
    _django(home)
    _need_database()
    from sanyou.care import content
    from sanyou.releases.errors import ReleaseError
    from sanyou.releases.models import Release
    from sanyou.releases.service import is_active

    table = Table("内容", "版本", "启用日期", "状态", "签署人", "指纹")
    for row in Release.objects.prefetch_related("signatures__by"):
        state = "已启用" if is_active(row) else str(row.get_status_display())
        signed = "、".join(s.by.display_name for s in row.signatures.all())
        table.add_row(row.name, row.version, str(row.starts_on), state, signed, row.sha256[:12])
    out.print(table)
    try:
        for programme in content.library().programmes.values():
            if programme.rules:
                out.print(f"今天执行：{programme.label} 规则 {programme.rules_version}")
    except ReleaseError as error:
        _stop(error.message_zh)


@app.command()
def replay(
    files: Annotated[
        list[Path], typer.Argument(help="规则、案例或政策文件", exists=True, dir_okay=False)
    ],
    programme: Annotated[str, typer.Option(help="规则属于哪个项目（默认按文件名认）")] = "",
    home: Home = None,
) -> None:
    """检查改过的内容文件，并在过去的记录上试算；不保存任何东西。"""
    _django(home)
    _need_database()
    from datetime import timedelta

    from sanyou.care import content
    from sanyou.figures import replay as replaying
    from sanyou.protocol.pricing import to_yuan
    from sanyou.releases import service
    from sanyou.releases.errors import ReleaseError

    day = _today() + timedelta(days=1)
    # A policy and its cases may have the same name: the folder tells them apart.
    given = {f"{n}/{path.name}": path.read_text(encoding="utf-8") for n, path in enumerate(files)}
    try:
        checked = service.check(content.packaged(), given, day, programme)
    except ReleaseError as error:
        for mistake in error.mistakes:
            typer.echo(str(mistake), err=True)
        _stop(error.message_zh)
        return
    old, new = replaying.libraries(checked.files, day)
    found = replaying.summary(checked.kind, checked.name, old, new)
    out.print(f"{found['before']} → {found['after']}：{found['cases']} 份档案")
    out.print(f"[bold]{found['changed']}[/] 份的类别或结论会改变。")
    for before, after, number in found["moves"]:
        out.print(f"  {before or '无风险发现'} → {after or '无风险发现'}：{number}")
    if "fen" in found:
        out.print("免费经费：原 {} 元，新 {} 元".format(*map(to_yuan, found["fen"])))


@audit_app.command("verify")
def audit_verify(home: Home = None) -> None:
    """核对审计日志的哈希链，证明未被改动。"""
    _django(home)
    _need_database()
    from sanyou.trust import audit

    verdict = audit.verify()
    if not verdict.ok:
        _stop(f"审计链在第 {verdict.broken_at} 条断开：该条或其前一条被改动、删除或插入。")
    out.print(f"[green]✓[/] 审计链完整，共 {verdict.rows} 条。")


@keys_app.command("rotate")
def keys_rotate(home: Home = None) -> None:
    """换用新的数据密钥，并重新加密全部标识信息。可中断后再运行。"""
    _django(home)
    _need_database()
    from sanyou.trust import keys

    rows = keys.rotate().values
    out.print(f"[green]✓[/] 已换用新密钥，重新加密 {rows} 个字段。")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
