# Sugar over run.py, for those who type make. ARGS goes to the tool: make unit ARGS="-k tanh"
PYTHON ?= python3
ARGS ?=

.PHONY: lab test unit lessons oracle browser lint format

lab test unit lessons oracle browser:
	$(PYTHON) run.py $@ $(ARGS)

lint:
	$(PYTHON) run.py lint $(ARGS)

format:
	$(PYTHON) run.py lint --fix $(ARGS)
