output "bastion_public_ip" {
  value = "203.0.113.20"
}

output "postgres_host" {
  value = "postgres.internal"
}
