#!/bin/sh
# Stands in for Oracle's command line on nodes of a rehearsal cluster: the calls of e2b-join and e2b-drain, with the answers' own form.
set -eu

refuse() {
    echo "oci (stand-in): $1" >&2
    exit 2
}

[ "${OCI_CLI_AUTH-}" = instance_principal ] || refuse "without OCI_CLI_AUTH=instance_principal there are no credentials here"
command="${1-} ${2-} ${3-}"
shift 3 2>/dev/null || refuse "which command?"

compartment='' instance='' pool='' secret='' state='' region=''
while [ $# -gt 0 ]; do
    case $1 in
    --compartment-id) compartment=$2 && shift 2 ;;
    --instance-id) instance=$2 && shift 2 ;;
    --instance-pool-id) pool=$2 && shift 2 ;;
    --secret-id) secret=$2 && shift 2 ;;
    --lifecycle-state) state=$2 && shift 2 ;;
    --region) region=$2 && shift 2 ;;
    --all) shift ;;
    *) refuse "no such option: $1" ;;
    esac
done

case $region in
*-*-[0-9]*) ;;
*) refuse "the region must be given by its full name, not as \`$region\`" ;;
esac

ask() { curl -sf --max-time 5 "http://169.254.169.254/e2blab/$1" || refuse "NotAuthorizedOrNotFound: $1"; }

case $command in
"compute instance list")
    [ "$state" = RUNNING ] || refuse "lists running instances alone"
    ask "instances/$compartment"
    ;;
"compute instance list-vnics") ask "vnics/$instance" ;;
"compute-management instance-pool-instance get") ask "pool-instances/$pool/$instance" ;;
"compute-management instance-pool-instance termination-proceed") ask "termination-proceed/$pool/$instance" ;;
"secrets secret-bundle get") ask "secrets/$secret" ;;
*) refuse "no such command: $command" ;;
esac
