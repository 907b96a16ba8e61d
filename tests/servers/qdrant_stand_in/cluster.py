"""The nodes of what pretends to be a cluster: ports of one process. Each shard is said to be on as many of them as its
collection has replicas."""

import random
import time


class Cluster:
    def __init__(self, ports, seed):
        self._ports = ports
        generator = random.Random(seed)
        self.peers = [generator.randrange(10**14, 2**53) for _ in ports]

    @property
    def enabled(self):
        return len(self._ports) > 1

    def status(self, node):
        """Of GET /cluster."""
        if not self.enabled:
            return {"status": "disabled"}
        peers = {str(peer): {"uri": f"http://127.0.0.1:{port}/"} for peer, port in zip(self.peers, self._ports)}
        now = time.time()
        update = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e9):09d}Z"
        return {"status": "enabled", "peer_id": self.peers[node], "peers": peers,
                "raft_info": {"term": 1, "commit": 1, "pending_operations": 0, "leader": self.peers[0],
                              "role": "Leader" if node == 0 else "Follower", "is_voter": True},
                "consensus_thread_status": {"consensus_thread_status": "working", "last_update": update},
                "message_send_failures": {}}

    def collection(self, collection, node):
        """Of GET /collections/NAME/cluster."""
        settings = collection.settings
        points, shards = collection.points_count(), settings.shards
        local, remote = [], []
        for shard in range(shards):
            for replica in range(min(settings.replicas, len(self.peers))):
                owner = (shard + replica) % len(self.peers)
                if owner == node:
                    count = points // shards + (shard < points % shards)
                    local.append({"shard_id": shard, "points_count": count, "state": "Active"})
                else:
                    remote.append({"shard_id": shard, "peer_id": self.peers[owner], "state": "Active"})
        return {"peer_id": self.peers[node], "shard_count": shards, "local_shards": local, "remote_shards": remote,
                "shard_transfers": []}
