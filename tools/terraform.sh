#!/usr/bin/env bash
# Checks the two OCI stacks: formatting, validity, tests. They are worked on in a copy, so that neither a lock file nor
# a state comes to lie in the tree. The provider is the registry's and is kept beside the other caches; where no
# registry answers, a provider of the same interface without its code does, if there is one (OCI_PROVIDER_SETUP).
# Arguments are handed to `terraform test`, for example: tools/terraform.sh -filter=tests/refused.tftest.hcl
# `tools/terraform.sh validate DIRECTORY…` only validates stacks that lie elsewhere, such as unpacked archives.
set -euo pipefail
only_validate=no
if [[ ${1-} == validate ]]; then
    only_validate=yes
    shift
    mapfile -t elsewhere < <(realpath -e -- "$@")
    if (($# == 0 || ${#elsewhere[@]} != $#)); then
        echo "usage: tools/terraform.sh validate DIRECTORY…" >&2
        exit 2
    fi
fi
cd "$(dirname "$0")/.."

stacks=(terraform-base terraform-cluster)
needs=1.11 # mocks of what is known while planning, and states of single runs

if ! command -v terraform >/dev/null; then
    echo "no terraform on this machine: install $needs or newer (https://developer.hashicorp.com/terraform/install), then try again" >&2
    exit 1
fi
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0
# one that names a file that is not there brings a warning into every output
if [[ -n ${TF_CLI_CONFIG_FILE-} && ! -e $TF_CLI_CONFIG_FILE ]]; then unset TF_CLI_CONFIG_FILE; fi

version=$(terraform version | sed -n '1s/^Terraform v//p')
if [[ $(printf '%s\n%s\n' "$needs" "$version" | sort -V | head -n 1) != "$needs" ]]; then
    echo "this is terraform $version; the stacks' tests need $needs or newer" >&2
    exit 1
fi

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
if [[ $only_validate == yes ]]; then
    stacks=("${elsewhere[@]##*/}")
    cp -R "${elsewhere[@]}" "$copy/"
else
    terraform fmt -check -recursive "${stacks[@]}" || {
        echo "\`terraform fmt -recursive ${stacks[*]}\` formats the files above" >&2
        exit 1
    }
    for stack in "${stacks[@]}"; do
        cp -R "$stack" "$copy/"
        rm -rf "$copy/$stack/.terraform" "$copy/$stack"/*.tfstate* "$copy/$stack/.terraform.lock.hcl"
    done
fi

init() {
    local stack
    for stack in "${stacks[@]}"; do
        terraform -chdir="$copy/$stack" init -no-color -backend=false >"$copy/init.log" 2>&1 || return 1
    done
}

# The registry's provider is a quarter of a gigabyte: once for both, and kept.
export TF_PLUGIN_CACHE_DIR="${XDG_CACHE_HOME:-$HOME/.cache}/e2bscript/terraform"
mkdir -p "$TF_PLUGIN_CACHE_DIR"
setup=${OCI_PROVIDER_SETUP:-../shared/tools/oci-provider/setup}
if [[ -n ${CI-} || -n ${OCI_PROVIDER_SETUP-} ]] && [[ -x $setup ]]; then
    TF_CLI_CONFIG_FILE=$("$setup")
    export TF_CLI_CONFIG_FILE
    unset TF_PLUGIN_CACHE_DIR
    init || { cat "$copy/init.log" >&2; exit 1; }
elif ! init; then
    if [[ ! -x $setup ]]; then
        cat "$copy/init.log" >&2
        echo "the stacks are neither validated nor tested: no provider could be had (above); on a machine that reaches the registry, \`make terraform\` does both" >&2
        exit 0
    fi
    echo "no registry answers: the provider's interface alone is used"
    TF_CLI_CONFIG_FILE=$("$setup")
    export TF_CLI_CONFIG_FILE
    unset TF_PLUGIN_CACHE_DIR
    init || { cat "$copy/init.log" >&2; exit 1; }
fi

if [[ $only_validate == yes ]]; then
    for stack in "${stacks[@]}"; do
        terraform -chdir="$copy/$stack" validate -no-color
        echo "$stack: valid"
    done
    exit
fi

# What is wrong on purpose is refused, each with the sentence that its file names.
sentences() {
    local stack=$1 said file sentence count=0
    said=$(terraform -chdir="$copy/$stack" test -no-color -test-directory=tests/sentences 2>&1 | tr -s '[:space:]' ' ') || true
    for file in "$stack"/tests/sentences/*.tftest.hcl; do
        sentence=$(sed -n 's/^# says: //p' "$file")
        if [[ $said != *"$sentence"* ]]; then
            echo "$file: not refused with its sentence: $sentence"
            return 1
        fi
        count=$((count + 1))
    done
    echo "$count wrong variables refused with their sentences"
}

# Both stacks at once: Terraform itself uses one processor.
for stack in "${stacks[@]}"; do
    (
        terraform -chdir="$copy/$stack" validate -no-color &&
            terraform -chdir="$copy/$stack" test -no-color "$@" &&
            sentences "$stack"
    ) >"$copy/$stack.log" 2>&1 &
done
status=0
for stack in "${stacks[@]}"; do
    wait -n || status=1
done
for stack in "${stacks[@]}"; do
    if grep -q 'refused with their sentences$' "$copy/$stack.log"; then
        echo "$stack: valid; $(sed -n 's/^Success! \(.* passed\), 0 failed.*/\1/p' "$copy/$stack.log" | tail -n 1), $(tail -n 1 "$copy/$stack.log")"
    else
        echo "$stack:"
        grep -v ' pass$\| skip$' "$copy/$stack.log" || true
    fi
done
exit "$status"
