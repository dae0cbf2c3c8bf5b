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

# what sandboxes are made of: nodes cannot fetch `debian:12`, so each Docker gets a small one out of this tree
programs='bash sh ls cat echo uname sleep mkdir rm cp mv env id whoami grep sed head tail wc tr test true false printf date sort
    dd chmod chown ln stat touch seq yes hostname ps kill tar gzip find awk'
base=$(mktemp -d)
mkdir -p "$base/usr/bin" "$base/usr/sbin" "$base/usr/lib" "$base/usr/lib64" "$base/etc" "$base/root" "$base/home/user" \
    "$base/tmp" "$base/proc" "$base/sys" "$base/dev" "$base/run" "$base/var/tmp"
for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$base/$directory"; done
chmod 1777 "$base/tmp" "$base/var/tmp"
for program in $programs; do
    file=$(command -v "$program")
    [ -f "$file" ] || continue
    cp -L "$file" "$base/usr/bin/$program"
    for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*'); do
        mkdir -p "$base${library%/*}"
        cp -L "$library" "$base$library"
    done
done
printf 'root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n' > "$base/etc/passwd"
printf 'root:x:0:\nuser:x:1000:\n' > "$base/etc/group"
chown 1000:1000 "$base/home/user"
mkdir -p /usr/lib/e2blab
tar -C "$base" -cf /usr/lib/e2blab/debian-12.tar .
rm -rf "$base"
cat > /lib/systemd/system/e2blab-base.service <<'END'
[Unit]
Description=The Docker image that sandboxes are made of
Requires=docker.service
After=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'docker image inspect debian:12 >/dev/null 2>&1 || docker import /usr/lib/e2blab/debian-12.tar debian:12'
END
