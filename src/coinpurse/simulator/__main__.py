"""`python -m coinpurse.simulator --port 8090 --seed 1 --webhook URL --secret whsec_…` runs the simulator."""

import argparse
import time
from datetime import datetime

import uvicorn

from coinpurse.simulator import Simulator
from coinpurse.simulator.server import create_app


def main() -> None:
    """Serves on the loopback until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m coinpurse.simulator", description="A simulated Stripe.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--seed", type=int, default=0, help="one seed is one history")
    parser.add_argument("--start", help="the instant at which its clock starts, ISO 8601 (now)")
    parser.add_argument("--webhook", action="append", default=[], help="where events go; may be repeated")
    parser.add_argument("--secret", help="signs the deliveries; drawn from the seed and printed if not given")
    parser.add_argument("--ticking", action="store_true", help="let its clock go on with the real one")
    args = parser.parse_args()
    start = int(datetime.fromisoformat(args.start).timestamp()) if args.start else int(time.time())
    base_url = f"http://{args.host}:{args.port}"
    simulator = Simulator(seed=args.seed, start=start, base_url=base_url)
    for url in args.webhook:
        print(f"{url} is told of events, signed with {simulator.listen(url, args.secret)}")
    print(f"The simulator listens at {base_url}; any API key will do.", flush=True)
    app = create_app(simulator, ticking=args.ticking)
    uvicorn.run(app, host=args.host, port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
