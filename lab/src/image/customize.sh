# shellcheck shell=sh
# What a fresh Debian tree needs to become the image of every node. Runs inside it, as root.
set -eu

# the administrator's account, as on a cloud image: key login only, sudo without a password
useradd --create-home --shell /bin/bash --uid 1000 ubuntu
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/ubuntu
chmod 0440 /etc/sudoers.d/ubuntu
echo 'PasswordAuthentication no' > /etc/ssh/sshd_config.d/key-only.conf

# every node gets keys and an identity of its own; nothing may make them at boot
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id

# nodes have no name server: with none configured, look-ups fail at once
: > /etc/resolv.conf

# started by the lab where a node's role asks for it
systemctl disable --quiet docker.service docker.socket containerd.service postgresql.service

# there is nothing to fetch, scrub or trim, and timers would disturb measurements
systemctl disable --quiet e2scrub_reap.service e2scrub_all.timer apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer

# runs where a lab boots its nodes from user_data
touch /etc/cloud/cloud-init.disabled
