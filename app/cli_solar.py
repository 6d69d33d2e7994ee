"""Commands about solar stations (光伏): their agreements and waterfalls, sizing, and roofs that yield too little."""

import typer

from app import cli_sizing, cli_station, cli_waterfall

app = typer.Typer(help="Solar stations: register, readings, money, agreements, sizing, alerts (光伏).", no_args_is_help=True)
app.add_typer(cli_station.app)
app.command("agree")(cli_waterfall.agree_)
app.command("contribute")(cli_waterfall.contribute_)
app.command("correct")(cli_waterfall.correct_)
app.command("waterfall")(cli_waterfall.waterfall)
app.command("size")(cli_sizing.size)
app.command("alerts")(cli_sizing.alerts_)
