# The orchestrator, which runs sandboxes: one on every client node, also on those that come later. It needs root and
# the node's own devices: raw_exec with `no_cgroups`, else Nomad's device filter keeps /dev/nbd* and /dev/kvm from it.

variable "datacenter" {
  type        = string
  description = "Of the job, of Nomad and of Consul: the same everywhere, or nothing is placed."
}

variable "cpu" {
  type    = number
  default = 1000
}

variable "memory" {
  type        = number
  description = "MiB."
  default     = 2048
}

variable "release" {
  type        = string
  description = "Stands for the binary and its environment file: another one starts the task anew."
  default     = ""
}

job "orchestrator" {
  datacenters = [var.datacenter]
  type        = "system"
  priority    = 90

  group "orchestrator" {
    constraint {
      attribute = "${node.class}"
      value     = "client"
    }

    restart {
      attempts = 2
      interval = "5m"
      delay    = "2s"
      mode     = "fail"
    }

    network {
      port "orchestrator" {
        static = 5008
      }

      port "proxy" {
        static = 5007
      }
    }

    service {
      name = "orchestrator"
      port = "orchestrator"

      check {
        type     = "http"
        path     = "/health"
        interval = "10s"
        timeout  = "3s"
      }
    }

    task "orchestrator" {
      driver = "raw_exec"
      user   = "root"
      # sandboxes are drained first; a lock that a killed one left would keep the next from starting
      kill_timeout = "2m"

      config {
        command = "/bin/bash"
        args    = ["-c", "set -ea; cd /opt/e2b; . ./orchestrator.env; exec ./bin/orchestrator --port 5008 --proxy-port 5007"]
      }

      meta {
        release = var.release
      }

      env {
        NODE_ID = "${node.unique.id}"
      }

      resources {
        cpu    = var.cpu
        memory = var.memory
      }
    }
  }
}
