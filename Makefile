# The recipes people and CI share; `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# Where the programs of the cluster and chart tests are built, once.
KUBE_TOOLS_DIR ?= $(CURDIR)/target/kube-tools
export KUBE_TOOLS_DIR

KUBERNETES_VERSION := $(shell sed -n 's|.*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' tools/kubernetes/go.mod)
ETCD_VERSION := $(shell sed -n 's|.*go.etcd.io/etcd/server/v3 \(v[0-9.]*\).*|\1|p' tools/etcd/go.mod)
HELM_VERSION := v3.22.0

##@ Programs of the tests

KUBERNETES_BUILT := $(KUBE_TOOLS_DIR)/.kubernetes-$(KUBERNETES_VERSION)
ETCD_BUILT := $(KUBE_TOOLS_DIR)/.etcd-$(ETCD_VERSION)
HELM_BUILT := $(KUBE_TOOLS_DIR)/.helm-$(HELM_VERSION)

.PHONY: kube-tools
kube-tools: $(ETCD_BUILT) $(HELM_BUILT) $(KUBERNETES_BUILT) ## Build kube-apiserver, kube-controller-manager, kubectl, etcd and helm (once; 5 to 10 minutes)

GO_BUILD := CGO_ENABLED=0 GOWORK=off go build -trimpath -buildvcs=false
VERSION_OF = $(subst ., ,$(patsubst v%,%,$(1)))
KUBE_VERSION_VARS = gitVersion=$(KUBERNETES_VERSION) gitTreeState=clean \
	gitMajor=$(word 1,$(call VERSION_OF,$(KUBERNETES_VERSION))) gitMinor=$(word 2,$(call VERSION_OF,$(KUBERNETES_VERSION)))
KUBE_LDFLAGS = -s -w $(foreach variable,$(KUBE_VERSION_VARS),-X k8s.io/component-base/version.$(variable))

$(KUBERNETES_BUILT): | $(KUBE_TOOLS_DIR) go-installed
	cd tools/kubernetes && $(GO_BUILD) -ldflags '$(KUBE_LDFLAGS)' -o '$(KUBE_TOOLS_DIR)/' \
		k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kubectl
	touch '$@'

$(ETCD_BUILT): | $(KUBE_TOOLS_DIR) go-installed
	cd tools/etcd && $(GO_BUILD) -ldflags '-s -w' -o '$(KUBE_TOOLS_DIR)/etcd' .
	touch '$@'

$(HELM_BUILT): | $(KUBE_TOOLS_DIR) go-installed
	CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN='$(KUBE_TOOLS_DIR)' go install \
		-ldflags '-s -w -X helm.sh/helm/v3/internal/version.version=$(HELM_VERSION)' helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	touch '$@'

$(KUBE_TOOLS_DIR):
	mkdir -p '$@'

.PHONY: go-installed
go-installed:
	@command -v go >/dev/null || { echo 'Go 1.26 or newer is needed to build the programs of the tests: https://go.dev/dl/' >&2; exit 1; }
