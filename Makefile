# The recipes that people and CI share. `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Where Cargo builds, and where the programs of the cluster and chart tests are built, once.
CARGO_TARGET_DIR ?= target
KUBE_TOOLS_DIR ?= target/kube-tools
override CARGO_TARGET_DIR := $(abspath $(CARGO_TARGET_DIR))
override KUBE_TOOLS_DIR := $(abspath $(KUBE_TOOLS_DIR))
export CARGO_TARGET_DIR KUBE_TOOLS_DIR

.PHONY: help
help: ## List the recipes
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ---- See it work -----------------------------------------------------------------------------------------------------

.PHONY: demo
demo: ## Watch it share an example organization's resources; KEEP=1 leaves it running to look around
	cargo build --locked --workspace --bins
	'$(CARGO_TARGET_DIR)/debug/demo' $(if $(KEEP),--keep)

.PHONY: bench
bench: kube-tools ## Print the figures: AWS calls, times, memory, worlds, mutants, chaos; ONLY="cell chaos" takes some of them
	cargo bench --locked --profile sim --bench figures -- $(ONLY)
	$(if $(call taken,worlds),$(MAKE) soak N=1000)
	$(if $(call taken,mutants),$(MAKE) mutants)
	$(if $(call taken,chaos),$(MAKE) chaos)

taken = $(or $(filter $(1),$(ONLY)),$(if $(ONLY),,$(1)))

# ---- Check it --------------------------------------------------------------------------------------------------------

.PHONY: test
test: style kube-tools ## Everything that has to hold; N=20000 takes so many simulated worlds, for 25 minutes at most
	cargo test --locked --workspace
	$(MAKE) doc
	$(WORLDS) --worlds $(or $(N),3000) --minutes 25
	$(WORLDS) --mutants --within 180

WORLDS := cargo test --locked --profile sim --features mutants --test worlds --

.PHONY: soak
soak: ## Run simulated worlds with crashes and faults: N=200000 as many, FROM=0 from that seed on
	$(WORLDS) --worlds $(or $(N),200000) --from $(or $(FROM),0)

.PHONY: chaos
chaos: kube-tools ## Fail the API server, connections, rights and leaders under two replicas: TRIALS=100 failovers and halts
	cargo test --locked --test chaos -- --trials $(or $(TRIALS),100)

.PHONY: mutants
mutants: ## Show that the simulated worlds catch each seeded bug, and how fast
	$(WORLDS) --mutants

.PHONY: style
style: ## Formatting and lints, also of the tests that `cargo test` does not run by itself
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features sharekeeper/mutants -- --deny warnings
	cargo clippy --locked --test worlds --test chaos --features mutants -- --deny warnings

.PHONY: lint
lint: style ## Formatting, lints, and licences, bans and sources of the dependencies
	@if command -v cargo-deny >/dev/null; then cargo deny --locked --all-features check bans licenses sources; \
	else echo 'Dependencies were not checked: cargo-deny is missing (cargo install --locked cargo-deny@0.20.2).'; fi

.PHONY: doc
doc: ## The code's documentation, without a warning
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --workspace --no-deps

# ---- Generate --------------------------------------------------------------------------------------------------------

.PHONY: crds
crds: ## Generate crds/ from the code, and the chart's copy
	mkdir -p crds charts/sharekeeper/crds
	rm -f crds/*.yaml charts/sharekeeper/crds/*.yaml
	UPDATE_CRDS=1 cargo test --locked --package sharekeeper --test crds the_folder_is_what_the_code_says
	cp crds/*.yaml charts/sharekeeper/crds/

# ---- Programs of the tests -------------------------------------------------------------------------------------------

KUBERNETES_VERSION := $(shell sed -n 's|.*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' tools/kubernetes/go.mod)
ETCD_VERSION := $(shell sed -n 's|.*go.etcd.io/etcd/server/v3 \(v[0-9.]*\).*|\1|p' tools/etcd/go.mod)
HELM_VERSION := v3.22.0

KUBERNETES_BUILT := $(KUBE_TOOLS_DIR)/.kubernetes-$(KUBERNETES_VERSION)
ETCD_BUILT := $(KUBE_TOOLS_DIR)/.etcd-$(ETCD_VERSION)
HELM_BUILT := $(KUBE_TOOLS_DIR)/.helm-$(HELM_VERSION)

.PHONY: kube-tools
kube-tools: $(ETCD_BUILT) $(HELM_BUILT) $(KUBERNETES_BUILT) ## Build kube-apiserver, etcd, kubectl, helm for the tests (once, 6 minutes)

GO_BUILD := CGO_ENABLED=0 GOWORK=off go build -trimpath -buildvcs=false
# The numbers of v1.36.3: 1 36 3.
KUBERNETES_NUMBERS := $(subst ., ,$(patsubst v%,%,$(KUBERNETES_VERSION)))
KUBERNETES_VARIABLES := gitVersion=$(KUBERNETES_VERSION) gitTreeState=clean \
	gitMajor=$(word 1,$(KUBERNETES_NUMBERS)) gitMinor=$(word 2,$(KUBERNETES_NUMBERS))
KUBERNETES_LDFLAGS := -s -w $(foreach variable,$(KUBERNETES_VARIABLES),-X k8s.io/component-base/version.$(variable))

# Helm renders and lints for the Kubernetes that the tests run.
HELM_VARIABLES := internal/version.version=$(HELM_VERSION) \
	$(foreach package,pkg/chartutil pkg/lint/rules,\
	$(package).k8sVersionMajor=$(word 1,$(KUBERNETES_NUMBERS)) $(package).k8sVersionMinor=$(word 2,$(KUBERNETES_NUMBERS)))
HELM_LDFLAGS := -s -w $(foreach variable,$(HELM_VARIABLES),-X helm.sh/helm/v3/$(variable))

$(KUBERNETES_BUILT): | $(KUBE_TOOLS_DIR) go-installed
	cd tools/kubernetes && $(GO_BUILD) -ldflags '$(KUBERNETES_LDFLAGS)' -o '$(KUBE_TOOLS_DIR)/' \
		k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kubectl
	touch '$@'

$(ETCD_BUILT): | $(KUBE_TOOLS_DIR) go-installed
	cd tools/etcd && $(GO_BUILD) -ldflags '-s -w' -o '$(KUBE_TOOLS_DIR)/etcd' .
	touch '$@'

$(HELM_BUILT): | $(KUBE_TOOLS_DIR) go-installed
	CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN='$(KUBE_TOOLS_DIR)' go install \
		-ldflags '$(HELM_LDFLAGS)' helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	touch '$@'

$(KUBE_TOOLS_DIR):
	mkdir -p '$@'

.PHONY: go-installed
go-installed:
	@command -v go >/dev/null || { echo 'Go 1.21 or newer is needed to build the programs of the tests: https://go.dev/dl/' >&2; exit 1; }
