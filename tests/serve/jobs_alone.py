"""Runs the jobs as `countersign worker` does, with the settings of the environment."""

import sys

from server.base.settings import load_settings
from server.serve.worker import run_jobs_only

if __name__ == "__main__":
    sys.exit(run_jobs_only(load_settings()))
