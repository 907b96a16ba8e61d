#pragma once
// What a test does to a Redis Cluster of its own.

#include "servers/redis_servers.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace whisperstore::test {

class ClusterControl
{
public:
    struct Node
    {
        std::string id;
        std::uint16_t port = 0;
        bool master = false;
        bool failed = false;
        std::vector<std::pair<int, int>> slots = {};
    };

    ClusterControl() : own_({"--cluster", "6"}) {}

    const RedisServers& servers() const { return own_.servers(); }

    /// As the node on `port` sees them.
    std::vector<Node> nodes(std::uint16_t port) const
    {
        std::vector<Node> nodes;
        std::istringstream lines(PlainRedis(port).value({"CLUSTER", "NODES"}));
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::vector<std::string> parts;
            for (std::string word; words >> word;)
                parts.push_back(word);
            Node node;
            node.id = parts.at(0);
            node.port = static_cast<std::uint16_t>(std::stoul(parts.at(1).substr(parts.at(1).find(':') + 1)));
            node.master = parts.at(2).find("master") != std::string::npos;
            node.failed = parts.at(2).find("fail") != std::string::npos;
            for (std::size_t i = 8; i < parts.size(); ++i) {
                if (parts[i].starts_with('['))
                    continue;
                const std::size_t dash = parts[i].find('-');
                node.slots.emplace_back(std::stoi(parts[i]),
                                        std::stoi(dash == std::string::npos ? parts[i] : parts[i].substr(dash + 1)));
            }
            nodes.push_back(std::move(node));
        }
        return nodes;
    }

    std::vector<Node> masters() const
    {
        std::vector<Node> nodes = this->nodes(some_port());
        std::erase_if(nodes, [](const Node& node) { return !node.master || node.failed || node.slots.empty(); });
        return nodes;
    }

    /// A node that answers.
    std::uint16_t some_port() const
    {
        for (const std::uint16_t port : servers().cluster()) {
            try {
                PlainRedis(port).ask({"PING"});
                return port;
            } catch (const std::exception&) {
            }
        }
        throw std::runtime_error("no node of the cluster answers");
    }

    std::size_t number(std::uint16_t port) const
    {
        const std::vector<std::uint16_t> ports = servers().cluster();
        return static_cast<std::size_t>(std::find(ports.begin(), ports.end(), port) - ports.begin());
    }
    void kill(std::uint16_t port) { own_.kill(number(port)); }
    void start(std::uint16_t port) { own_.start(number(port)); }

    /// Every node is up, knows it, and every replica follows.
    bool healthy() const
    {
        try {
            for (const std::uint16_t port : servers().cluster()) {
                PlainRedis redis(port);
                if (redis.value({"CLUSTER", "INFO"}).find("cluster_state:ok") == std::string::npos)
                    return false;
                const std::string role = redis.value({"INFO", "replication"});
                if (role.find("role:slave") != std::string::npos &&
                    role.find("master_link_status:up") == std::string::npos)
                    return false;
                for (const Node& node : nodes(port))
                    if (node.failed)
                        return false;
            }
            return masters().size() == 3;
        } catch (const std::exception&) {
            return false;
        }
    }
    bool wait_healthy() const
    {
        return eventually([this] { return healthy(); }, std::chrono::seconds(30));
    }

    /// Moves a slot with all its keys, as redis-cli does.
    void move_slot(int slot, const Node& from, const Node& to)
    {
        PlainRedis source(from.port);
        PlainRedis target(to.port);
        const std::string number = std::to_string(slot);
        target.ask({"CLUSTER", "SETSLOT", number, "IMPORTING", from.id});
        source.ask({"CLUSTER", "SETSLOT", number, "MIGRATING", to.id});
        for (;;) {
            const PlainAnswer keys = source.ask({"CLUSTER", "GETKEYSINSLOT", number, "10"});
            if (keys.empty())
                break;
            std::vector<std::string> migrate{"MIGRATE", "127.0.0.1", std::to_string(to.port), "", "0", "5000", "KEYS"};
            migrate.insert(migrate.end(), keys.begin(), keys.end());
            source.ask(migrate);
        }
        for (PlainRedis* node : {&target, &source})
            node->ask({"CLUSTER", "SETSLOT", number, "NODE", to.id});
        for (const Node& node : masters())
            PlainRedis(node.port).ask({"CLUSTER", "SETSLOT", number, "NODE", to.id});
    }

private:
    OwnRedisServers own_;
};

} // namespace whisperstore::test
