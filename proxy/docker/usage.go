package docker

import "context"

// Usage is what an engine keeps on its disk.
type Usage struct {
	Containers []Stored
	Volumes    []Stored
	Images     []Stored
}

// Stored is something on an engine's disk.
type Stored struct {
	// ID is that of a container or an image, and the name of a volume.
	ID     string
	Labels map[string]string
	// Bytes are those of a container's own layer, of a volume's files, and of an image with all layers, shared ones too;
	// below 0 when the engine does not know.
	Bytes int64
	// Image is the id of a container's image.
	Image string
}

// Usage asks the engine what takes how much of its disk. It counts the files of all volumes, which may take a while.
func (c *Client) Usage(ctx context.Context) (Usage, error) {
	var found struct {
		Containers []struct {
			ID      string `json:"Id"`
			ImageID string
			Labels  map[string]string
			SizeRw  int64
		}
		Volumes []struct {
			Name      string
			Labels    map[string]string
			UsageData *struct{ Size int64 }
		}
		Images []struct {
			ID     string `json:"Id"`
			Labels map[string]string
			Size   int64
		}
	}
	var u Usage
	err := c.link.do(ctx, "asking what takes the disk", func(s *session) error { return c.link.get(ctx, s, "/system/df", &found) })
	if err != nil {
		return u, err
	}
	for _, b := range found.Containers {
		u.Containers = append(u.Containers, Stored{ID: b.ID, Labels: b.Labels, Bytes: b.SizeRw, Image: b.ImageID})
	}
	for _, v := range found.Volumes {
		stored := Stored{ID: v.Name, Labels: v.Labels, Bytes: -1}
		if v.UsageData != nil {
			stored.Bytes = v.UsageData.Size
		}
		u.Volumes = append(u.Volumes, stored)
	}
	for _, i := range found.Images {
		u.Images = append(u.Images, Stored{ID: i.ID, Labels: i.Labels, Bytes: i.Size})
	}
	return u, nil
}

// DataRoot is the folder on the engine's machine that holds images, volumes and logs; empty when the engine tells none.
func (c *Client) DataRoot(ctx context.Context) (string, error) {
	var info struct{ DockerRootDir string }
	err := c.link.do(ctx, "asking the engine for its folder", func(s *session) error { return c.link.get(ctx, s, "/info", &info) })
	return info.DockerRootDir, err
}

// LogFile is the path of a container's log on the engine's machine, empty when its logging driver writes none there.
func (c *Client) LogFile(ctx context.Context, nameOrID string) (string, error) {
	what := "inspecting container " + nameOrID
	if err := given("container", nameOrID); err != nil {
		return "", err
	}
	var found struct{ LogPath string }
	err := c.link.do(ctx, what, func(s *session) error { return c.link.get(ctx, s, "/containers/"+nameOrID+"/json", &found) })
	return found.LogPath, err
}
