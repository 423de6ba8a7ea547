output "network" {
  description = "The network."
  value       = google_compute_network.this.id

  # A database with a private address can be made only when the networks are joined.
  depends_on = [google_service_networking_connection.services]
}

output "subnetwork" {
  description = "Where server and workers send from."
  value       = google_compute_subnetwork.this.id
}
