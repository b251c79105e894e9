package define

// ImageLabels is those labels of an image that its containers get. The label
// that names a container's systemd unit is set by whoever creates the container,
// for podman auto-update restarts that unit and podman logs reads its journal:
// an image that had it could choose any unit of the host.
func ImageLabels(labels map[string]string) map[string]string {
	kept := make(map[string]string, len(labels))
	for name, value := range labels {
		if name != EnvVariable {
			kept[name] = value
		}
	}
	return kept
}
