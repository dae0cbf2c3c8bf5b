# The template-manager, which builds templates: the orchestrator's binary in its other role, on one client node.

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
  default     = 4096
}

variable "release" {
  type        = string
  description = "Stands for the binary and its environment file: another one starts the task anew."
  default     = ""
}

job "template-manager" {
  datacenters = [var.datacenter]
  type        = "service"
  priority    = 70

  update {
    max_parallel     = 1
    health_check     = "checks"
    min_healthy_time = "3s"
    healthy_deadline = "60s"
    # a version that fails is given up at once, and the one before it comes back
    progress_deadline = "0"
    auto_revert       = true
  }

  group "template-manager" {
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

    # a node that is gone is waited for, however long it takes
    reschedule {
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "2m"
      unlimited      = true
    }

    network {
      port "template" {
        static = 5009
      }

      port "proxy" {
        static = 15007
      }
    }

    service {
      name = "template-manager"
      port = "template"

      check {
        type     = "http"
        path     = "/health"
        interval = "10s"
        timeout  = "3s"
      }
    }

    task "template-manager" {
      driver       = "raw_exec"
      user         = "root"
      kill_timeout = "2m"

      config {
        command = "/bin/bash"
        args    = ["-c", "set -ea; cd /opt/e2b; . ./template-manager.env; exec ./bin/template-manager --port 5009 --proxy-port 15007"]
      }

      meta {
        release = var.release
      }

      env {
        NODE_ID = "${node.unique.name}"
      }

      resources {
        cpu    = var.cpu
        memory = var.memory
      }
    }
  }
}
