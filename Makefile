# Every target sets up what it needs first: `make demo` and `make test` are the only commands to know.
# Needs Debian 12 or a relative of it, as root or as a user who may use sudo.

.PHONY: help man setup demo demo-personal test test-long test-posix test-dcc dcc-table bench check format clean

help:
	@echo 'make demo       build a small production and a studio, and mount it as two people'
	@echo 'make demo-personal  the same without a server: one file, mounted as two artists'
	@echo 'make test       all checks and tests (what CI runs)'
	@echo 'make test-long  the tests that take minutes'
	@echo 'make test-posix what is as on any file system, as root and as a user (installs stress-ng, fio and others)'
	@echo 'make test-dcc   the tests that run creative tools (installs Blender, GIMP, Krita and others)'
	@echo 'make dcc-table  write docs/dcc-support.md anew from recorded sessions of creative tools'
	@echo 'make bench      measure reading and saving beside their peers (needs root and an idle machine)'
	@echo 'make man        write the pages of the manual below build/man'
	@echo 'make setup      only what the others need: packages, .venv, .venv/bin/mountfs'
	@echo 'make check      only ruff and mypy'
	@echo 'make format     let ruff arrange the code'
	@echo 'make clean      remove what was built, .venv too'

setup:
	@tools/setup

demo: setup
	@.venv/bin/python -m demo

demo-personal: setup
	@.venv/bin/python -m demo.personal

test: setup
	@tests/run

test-long: setup
	@tests/run --only slow

test-posix:
	@tools/setup --posix
	@tests/run --only posix

test-dcc:
	@tools/setup --dcc
	@tests/run --only dcc

dcc-table: setup
	@.venv/bin/python -m tests.mounted.dcc_support

bench: setup
	@.venv/bin/python -m benchmarks.read
	@.venv/bin/python -m benchmarks.save
	@.venv/bin/python -m benchmarks.mount_save

man: setup
	@.venv/bin/python -m mountfs.cli.manual build/man

check: setup
	@tests/run --checks

format: setup
	@.venv/bin/ruff check --quiet --fix .
	@.venv/bin/ruff format .

clean:
	rm -rf .venv build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f mountfs/content/*.so mountfs/content/_cutter.c
	find mountfs tests demo benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
