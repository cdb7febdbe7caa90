"""The desktop of whoever mounted: notifications, and holding back a shutdown. Without one nothing happens."""
