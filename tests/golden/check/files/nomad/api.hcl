job "api" {}
